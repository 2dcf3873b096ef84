"""Errors of a regular expression in mull's own words, with the part of it that is meant.

In: llguidance's message. Out: a few words that follow "cannot be used: ", or None where the message is about something
else.
"""

from __future__ import annotations

import re

_LONGEST = 40  # characters of a part that is quoted
_PARSE = re.compile(
    r"regex parse error:\n {4}(?P<line>[^\n]*)\n {4}(?P<marks>[ ^]*\^)[^\n]*\nerror: (?P<what>[^\n]*)"
)
_LOOK = re.compile(r"lookarounds not supported yet; (?P<kind>\w+) in regex")

_LOOKS = {
    "Start": "^ is supported only at the beginning",
    "End": "$ is supported only at the end",
    "StartLF": "^ in the mode (?m), the beginning of a line, is not supported",
    "EndLF": "$ in the mode (?m), the end of a line, is not supported",
    "WordUnicode": r"\b, a word boundary, is not supported",
    "WordUnicodeNegate": r"\B, any place but a word boundary, is not supported",
    "WordStartUnicode": r"\b{start}, the beginning of a word, is not supported",
    "WordEndUnicode": r"\b{end}, the end of a word, is not supported",
    "WordStartHalfUnicode": r"\b{start-half} is not supported",
    "WordEndHalfUnicode": r"\b{end-half} is not supported",
}
"""By the names of Rust's regex-syntax (`hir::Look`); those for ASCII alone and for CRLF mean the same construct."""

_NAMED = {
    "look-around, including look-ahead and look-behind, is not supported": "look-around, {part}, is not supported",
    "backreferences are not supported": "{part} is a back-reference, which is not supported",
    "unrecognized escape sequence": "{part} is not an escape sequence",
    "unrecognized flag": "{group} is neither a group nor a flag",
    "Unicode property not found": "{part} is not a property of Unicode",
    "pattern can match invalid UTF-8": "{part} is not a character",
}


def in_words(message: str) -> str | None:
    """What is wrong, with the construct that causes it."""
    if look := _LOOK.search(message):
        kind = look["kind"].replace("Ascii", "Unicode").replace("CRLF", "LF")
        return _LOOKS.get(kind, f"{kind} is not supported")
    if (found := _PARSE.search(message)) is None:
        return None
    line, marks, what = found["line"], found["marks"], found["what"].strip().rstrip(".")
    first, end = marks.index("^"), len(marks)
    if " " in marks[first:]:  # two places: the second is the one that is wrong
        first = marks.rindex(" ") + 1
    group = max(line.rfind("(?", 0, end), 0)
    at_end = end > len(line)  # nothing is marked
    words = _NAMED.get(what, "{what}" if at_end else "{what}, {part}")
    return words.format(what=what, part=_quoted(line[first:end]), group=_quoted(line[group:end]))


def _quoted(text: str) -> str:
    text = " ".join(text.split())
    return f'"{text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"}"'
