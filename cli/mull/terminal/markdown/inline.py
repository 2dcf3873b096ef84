"""Inline Markdown → logical lines of spans, one for each line of the source.

In: an `inline` block token. Out: text with its styles: emphasis nested, code and mathematics unchanged, a link's
target after its text, where it can be seen and copied. Mathematics is Unicode text where that says the same, if asked
for, else LaTeX source.
"""

from __future__ import annotations

from markdown_it.token import Token

from mull.terminal.console.sanitize import visible
from mull.terminal.console.width import TAB
from mull.terminal.markdown.painting import href
from mull.terminal.markdown.parser import formula_source, inline
from mull.terminal.markdown.spans import Line

_EMPHASIS = {"em_open": "italic", "strong_open": "bold", "s_open": "strike"}
_CLOSES = frozenset({"em_close", "strong_close", "s_close"})


def lines_of(token: Token, base: str = "", *, mark_code: bool = False, math: bool = False) -> list[Line]:
    """At least one line, all in the style `base`; `mark_code` keeps the backticks of inline code, `math` converts."""
    builder = _Builder(base, "`" if mark_code else "", math=math)
    for item in inline(token):
        builder.add(item)
    return builder.lines


def formula(content: str) -> tuple[str, ...] | None:
    """The rows of a formula with its signs, as Unicode text; None where only its source says the same."""
    source = formula_source(content)
    if source is None:
        return None
    from mull.terminal.markdown.math import unicode_math

    return unicode_math(source)


class _Builder:
    def __init__(self, base: str, code_mark: str, *, math: bool) -> None:
        self.lines: list[Line] = [[]]
        self._code_mark = code_mark
        self._math = math
        self._styles = [base] if base else []
        self._links: list[
            tuple[str, int]
        ] = []  # open links: their targets, and the span where their text begins

    def add(self, item: Token) -> None:
        kind = item.type
        if kind in {"softbreak", "hardbreak"}:
            self.lines.append([])
        elif kind == "code_inline":
            self._put(f"{self._code_mark}{visible(item.content)}{self._code_mark}", "code")
        elif kind == "math_inline":
            rows = formula(item.content) if self._math else None
            first, *rest = ["; ".join(rows)] if rows else item.content.split("\n")
            self._put(first, "math")
            for line in rest:
                self.lines.append([])
                self._put(line.strip(), "math")
        elif kind in _EMPHASIS:
            self._styles.append(_EMPHASIS[kind])
        elif kind in _CLOSES:
            self._styles.pop()
        elif kind.startswith("link_") or kind == "image":
            self._link(item)
        else:
            self._put(visible(item.content).replace("\n", " ").expandtabs(TAB))

    def _link(self, item: Token) -> None:
        if item.type == "link_open":
            target = visible(str(item.attrGet("href") or ""))
            self._links.append((target, len(self.lines[-1])))
            self._styles.append(f"link {href(target)}".rstrip())
        elif item.type == "image":
            self._put(f"[{visible(item.content) or 'image'}]")
            target = visible(str(item.attrGet("src") or ""))
            self._put(f" ({target})", f"url {href(target)}".rstrip())
        else:
            self._styles.pop()
            target, start = self._links.pop()
            shown = "".join(text for text, _ in self.lines[-1][start:])
            if target.removeprefix("mailto:") not in {"", shown}:
                self._put(f" ({target})", f"url {href(target)}".rstrip())

    def _put(self, text: str, style: str = "") -> None:
        if text:
            self.lines[-1].append((text, " ".join([*self._styles, style]).rstrip()))
