"""Make untrusted text (a model's, a file's name) safe for a terminal: control characters become visible ones.

In: decoded text in any chunks. Out: the same text with every control character spelled out: ESC as `␛`, C1
controls and bidirectional overrides as `\\x9b` and `\\u202e`. Newlines, tabs, right-to-left letters and their
marks stay. Only output for a terminal is sanitized; a pipe gets the model's own bytes.
"""

from __future__ import annotations


def _table() -> dict[int, str]:
    shown = {code: chr(0x2400 + code) for code in range(0x20) if chr(code) not in "\n\t"}
    shown[0x7F] = "␡"
    shown |= {code: f"\\x{code:02x}" for code in range(0x80, 0xA0)}
    # Embeddings, overrides and isolates can make a line look like another ("trojan source"); the harmless
    # marks U+200E, U+200F and U+061C are left for right-to-left text.
    shown |= {code: f"\\u{code:04x}" for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))}
    shown |= {0x2028: "\n", 0x2029: "\n"}
    return shown | dict.fromkeys(range(0xD800, 0xE000), "�")


_TABLE = _table()


def visible(text: str) -> str:
    """`text` with its control characters spelled out; `\\r\\n` counts as one newline."""
    if text.isprintable():  # then it has no character of the table
        return text
    return text.replace("\r\n", "\n").translate(_TABLE)


def one_line(text: str) -> str:
    """`visible`, with each run of white space (newlines included) as one space: for notices and names."""
    return visible(" ".join(text.split()))


class Sanitizer:
    """`visible` for text that arrives in pieces: the same result for any chunking."""

    def __init__(self) -> None:
        self._pending = ""

    def feed(self, text: str) -> str:
        text = self._pending + text
        self._pending = "\r" if text.endswith("\r") else ""  # it may be the first half of a line end
        return visible(text[: len(text) - len(self._pending)])

    def finish(self) -> str:
        pending, self._pending = self._pending, ""
        return visible(pending)
