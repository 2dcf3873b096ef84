"""A table's rows as lines: in columns, or as records (`name: value`) where columns would break words.

In: rows of unwrapped cells, the header first, and the columns' sizes. Out: lines of spans. The sizes come from the
header and the first rows, so that later rows change nothing above them; a longer word in one of those is broken.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from mull.terminal.console.width import longest_word, width
from mull.terminal.markdown.spans import Line, bold, joined, put, stripped, text_of, wrap_spans

SIZING_ROWS = 12  # of a table, that set the columns' sizes
_NARROWEST_COLUMN = 4
_INDENT = "  "


class ColumnSize(NamedTuple):
    """Cells of a column: `natural` without wrapping, `least` without breaking a word."""

    natural: int
    least: int


def column_sizes(rows: Sequence[Sequence[Line]]) -> list[ColumnSize]:
    """The columns' sizes by the header and the first rows."""
    texts = [[text_of(cell) for cell in row] for row in rows[: SIZING_ROWS + 1]]
    columns = [[row[index] for row in texts if index < len(row)] for index in range(len(rows[0]))]
    return [ColumnSize(max(1, *map(width, cells)), max(1, *map(longest_word, cells))) for cells in columns]


def table_lines(
    rows: Sequence[Sequence[Line]],
    sizes: Sequence[ColumnSize],
    aligns: Sequence[str],
    columns: int,
    *,
    ascii_only: bool,
    resumed: bool,
) -> list[Line]:
    """The rows; `resumed`: the header and earlier rows were returned before. `aligns`: the columns' CSS styles."""
    widths = _fitting(sizes, columns)
    if widths is None:
        return _records(rows, columns, resumed=resumed)
    lines: list[Line] = []
    line, cross, bar = ("-", "-+-", " | ") if ascii_only else ("─", "─┼─", " │ ")
    if not resumed:
        lines += _row([bold(cell) for cell in rows[0]], widths, aligns, bar)
        lines.append([(cross.join(line * size for size in widths), "border")])
    for row in rows[1:]:
        lines += _row(row, widths, aligns, bar)
    return lines


def _fitting(sizes: Sequence[ColumnSize], columns: int) -> list[int] | None:
    """The columns' widths: those that wrap get the same, or what their longest word takes. None if they don't fit."""
    room = columns - 3 * (len(sizes) - 1)
    if room < max(_NARROWEST_COLUMN * len(sizes), sum(size.least for size in sizes)):
        return None
    widths = [size.natural for size in sizes]
    while (excess := sum(widths) - room) > 0:
        widest = max(cells for cells, size in zip(widths, sizes, strict=True) if cells > size.least)
        wide = [index for index, size in enumerate(sizes) if widths[index] == widest > size.least]
        lower = max(
            (cells for cells in [*widths, *(sizes[index].least for index in wide)] if cells < widest),
            default=1,
        )
        step = max(1, min(widest - lower, excess // len(wide)))
        for index in wide[:excess]:
            widths[index] -= step
    return widths


def _records(rows: Sequence[Sequence[Line]], columns: int, *, resumed: bool) -> list[Line]:
    if len(rows) == 1:
        return wrap_spans(joined(rows[0]), columns)
    lines: list[Line] = []
    for number, row in enumerate(rows[1:]):
        lines += [[]] if number or resumed else []
        for head, cell in zip(rows[0], row, strict=False):
            first, *more = wrap_spans([*bold(head), (": ", "bold"), *cell], columns, columns - len(_INDENT))
            lines += [first, *(put(_INDENT, "", line) for line in more)]
    return lines


def _row(cells: Sequence[Line], widths: Sequence[int], aligns: Sequence[str], bar: str) -> list[Line]:
    columns = [wrap_spans(cell, size) for cell, size in zip(cells, widths, strict=False)]
    lines: list[Line] = []
    for number in range(max(map(len, columns), default=0)):
        line: Line = []
        for index, (cell, size) in enumerate(zip(columns, widths, strict=False)):
            spans = cell[number] if number < len(cell) else []
            free = size - width(text_of(spans))
            left = free if "right" in aligns[index] else free // 2 if "center" in aligns[index] else 0
            if index:
                line.append((bar, "border"))
            line += [(" " * left, ""), *spans, (" " * (free - left), "")]
        lines.append(stripped(line))
    return lines
