"""Lines of styled spans: the form in which Markdown is laid out before it becomes text with codes.

In: spans, that is text without newlines and the names of its style. Out: spans again, cut and joined, and never
wider than asked for.
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
    """The lines that ascending ranges of the spans' text make, without spaces at their ends."""
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
    """Code breaks anywhere, and keeps every space."""
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
    """Without spaces at the end, which only get in the way of copying."""
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
    """Logical lines on one, with spaces between."""
    line: Line = []
    for index, spans in enumerate(lines):
        line += [(" ", ""), *spans] if index else spans
    return line
