"""Lines of styled spans: the form of laid-out Markdown before it becomes text with SGR codes.

In: spans, which are pairs of text without newlines and style names. Out: spans, cut, wrapped and joined.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from mull.terminal.console.width import breaks, fit_some, width

Span = tuple[str, str]
Line = list[Span]
_CODE_BREAKS = (re.compile(r" +"), re.compile(r"[,;:.()\[\]{}/\\|&=+*-]+"))


def text_of(spans: Line) -> str:
    """The text without styles."""
    return "".join(text for text, _ in spans)


def wrap_spans(spans: Line, columns: int, later: int | None = None) -> list[Line]:
    """One logical line of spans as lines of at most `columns` cells; at least one. `later`: of all but the first."""
    text = text_of(spans)
    if len(text) <= columns and width(text) <= columns:
        return [stripped(spans)]
    return cut(spans, breaks(text, columns if later is None else later, columns))


def cut(spans: Line, ranges: Sequence[tuple[int, int]]) -> list[Line]:
    """One line for each of the ascending ranges of the spans' text, without spaces at the end."""
    lines: list[Line] = []
    index = at = 0  # the span to look at, and where its text begins
    for start, end in ranges:
        line: Line = []
        while index < len(spans):
            text, style = spans[index]
            piece = text[max(0, start - at) : max(0, end - at)]
            if piece:
                line.append((piece, style))
            if at + len(text) > end:
                break
            at += len(text)
            index += 1
        lines.append(stripped(line))
    return lines


def chop(spans: Line, columns: int) -> list[Line]:
    """A line of code as lines of at most `columns` cells: broken after a space, else after a sign, else anywhere; in
    the second half of a line, so that none gets short. Indentation stays."""
    columns = max(1, columns)
    text = text_of(spans)
    ranges: list[tuple[int, int]] = []
    start = 0
    while (end := fit_some(text, start, columns)) < len(text):
        end = _code_break(text, start, end)
        ranges.append((start, end))
        start = end
    return cut(spans, [*ranges, (start, len(text))])


def _code_break(text: str, start: int, end: int) -> int:
    """The best place to break `text[start:]` up to `end`."""
    if text[end] == " ":
        return end + len(text[end:]) - len(text[end:].lstrip(" "))
    for sign in _CODE_BREAKS:
        places = [match.end() for match in sign.finditer(text, start + (end - start) // 2, end)]
        if places:
            return places[-1]
    return end


def put(prefix: str, style: str, line: Line) -> Line:
    """`line` after a prefix."""
    return stripped([(prefix, style), *line])


def stripped(line: Line) -> Line:
    """Without spaces at the end, which would be copied too."""
    line = list(line)
    while line and not line[-1][0].strip(" "):
        line.pop()
    if line and line[-1][0].endswith(" "):
        line[-1] = (line[-1][0].rstrip(" "), line[-1][1])
    return line


def bold(line: Line) -> Line:
    """`line`, bold."""
    return [(text, f"{style} bold".strip()) for text, style in line]


def joined(lines: Sequence[Line]) -> Line:
    """Logical lines joined to one, with spaces between them."""
    line: Line = []
    for index, spans in enumerate(lines):
        line += [(" ", ""), *spans] if index else spans
    return line
