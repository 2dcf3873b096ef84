"""Points in a plane as text: letters in a grid, with axes and a line for each letter below.

In: points with a letter, a label and figures; places 0.0 to 1.0 on both axes, and the axes' ticks. Out: lines for
stdout, within the terminal's width; no letter covers another: of two in one place, the later moves to the nearest free
one. Letters tell points apart without colours; labels are sanitized here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from mull.terminal.console.sanitize import one_line
from mull.terminal.console.streams import Streams
from mull.terminal.console.width import clip, width

NARROWEST = 40  # columns; with fewer there is no room for a plot
ROWS, LOW_ROWS = 13, 5  # of the grid: quarters have rows of their own; fewer in a window lower than TALL
TALL = 22
WIDEST = 72  # columns of the grid
STYLES = ("accent", "heading", "good", "warning", "number", "link", "keyword", "muted")
"""Of the theme: one for each series, in turn."""
Cell = tuple[int, int]


class Point(NamedTuple):
    """`x`, `y`, and the interval `low` to `high` on the y axis: places on the axes. `series`: points of one colour."""

    letter: str
    label: str
    figures: str
    x: float
    y: float
    low: float
    high: float
    series: int = 0


class Axis(NamedTuple):
    """`ticks`: places and their texts, in order."""

    title: str
    ticks: Sequence[tuple[float, str]]


def scatter_lines(streams: Streams, points: Sequence[Point], across: Axis, up: Axis) -> list[str]:
    """The plot; none in a window that is too narrow."""
    if streams.width < NARROWEST or not points:
        return []
    style = streams.stdout_style
    left = max(width(text) for _, text in up.ticks)
    columns = min(streams.width - 1 - left - 2, WIDEST)
    rows = ROWS if streams.size()[1] >= TALL else LOW_ROWS
    cells = _cells(streams, points, columns, rows)
    marks = {_row(place, rows): text for place, text in up.ticks}
    wall, tick = ("│", "┤") if streams.unicode else ("|", "+")
    lines = [style(one_line(up.title), "muted")]
    for row in range(rows):
        head = f"{marks.get(row, ''):>{left}} {tick if row in marks else wall}"
        drawn = "".join(_run(streams, cells, row, columns)).rstrip()
        lines.append(style(head, "muted") + drawn)
    lines += [" " * (left + 1) + style(line, "muted") for line in _below(streams, across, columns)]
    return [*lines, *_legend(streams, points)]


def _row(place: float, rows: int) -> int:
    return round((1 - place) * (rows - 1))


def _column(place: float, columns: int) -> int:
    return round(place * (columns - 1))


def _cells(streams: Streams, points: Sequence[Point], columns: int, rows: int) -> dict[Cell, tuple[str, str]]:
    """What stands in each cell, row and column, and its style: intervals first, letters above them."""
    found: dict[Cell, tuple[str, str]] = {}
    for point in points:
        for row in range(_row(point.high, rows), _row(point.low, rows) + 1):
            found[row, _column(point.x, columns)] = ("┊" if streams.unicode else ":", "border")
    taken: set[Cell] = set()
    for point in points:
        size = len(point.letter)
        row, column = _free(taken, _row(point.y, rows), _column(point.x, columns), size, columns, rows)
        for offset, letter in enumerate(point.letter):
            found[row, column + offset] = (letter, f"bold {STYLES[point.series % len(STYLES)]}")
            taken.add((row, column + offset))
    return found


def _free(taken: set[Cell], row: int, column: int, size: int, columns: int, rows: int) -> Cell:
    """The cell nearest to this one from which `size` cells are free; cells are about twice as high as wide."""
    column = min(column, columns - size)
    places = (
        (abs(r - row) * 2 + abs(c - column), r, c) for r in range(rows) for c in range(columns - size + 1)
    )
    for _, r, c in sorted(places):
        if not any((r, c + offset) in taken for offset in range(size)):
            return r, c
    return row, column


def _run(streams: Streams, cells: dict[Cell, tuple[str, str]], row: int, columns: int) -> Iterator[str]:
    for column in range(columns):
        text, name = cells.get((row, column), (" ", ""))
        yield streams.stdout_style(text, name) if name else text


def _below(streams: Streams, axis: Axis, columns: int) -> Iterator[str]:
    """The line of the axis, the texts of its ticks as far as they do not touch, and its title."""
    corner, line, tick = ("└", "─", "┬") if streams.unicode else ("+", "-", "+")
    texts, drawn = "", [line] * columns
    for place, text in axis.ticks:
        column = _column(place, columns)
        start = min(max(column + 1 - len(text) // 2, 0), columns + 1 - len(text))
        if texts and start <= len(texts):
            continue
        drawn[column] = tick
        texts += " " * (start - len(texts)) + text
    yield corner + "".join(drawn)
    yield texts
    yield f" {clip(one_line(axis.title), columns):>{columns}}"


def _legend(streams: Streams, points: Sequence[Point]) -> Iterator[str]:
    room = streams.width - 1
    letters = max(len(point.letter) for point in points)
    labels = [one_line(point.label) for point in points]
    widest = min(max(map(width, labels)), room - letters - 4 - max(width(point.figures) for point in points))
    for point, label in zip(points, labels, strict=True):
        shown = clip(label, max(widest, 8))
        mark = streams.stdout_style(point.letter, f"bold {STYLES[point.series % len(STYLES)]}")
        space = " " * max(widest - width(shown), 0)
        figures = streams.stdout_style(point.figures, "muted")
        yield f"{mark}{' ' * (letters - len(point.letter))}  {shown}{space}  {figures}"
