"""Lines of styled spans: the form of laid-out Markdown before it becomes text with SGR codes.

In: spans, which are pairs of text without newlines and style names. Out: spans, cut, wrapped and joined.
"""

from __future__ import annotations

from collections.abc import Sequence

from mull.terminal.console.width import breaks, clip, width

Span = tuple[str, str]
Line = list[Span]


def wrap_spans(spans: Line, columns: int) -> list[Line]:
    """One logical line of spans as lines of at most `columns` cells; at least one."""
    text = "".join(piece for piece, _ in spans)
    if len(text) <= columns and width(text) <= columns:
        return [stripped(spans)]
    return cut(spans, breaks(text, columns))


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
    """A line of code, broken at any character; every space stays."""
    columns = max(1, columns)
    text = "".join(piece for piece, _ in spans)
    ranges: list[tuple[int, int]] = []
    start = 0
    while width(text[start:]) > columns:
        end = start + max(1, len(clip(text[start:], columns, "")))
        ranges.append((start, end))
        start = end
    return cut(spans, [*ranges, (start, len(text))])


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
