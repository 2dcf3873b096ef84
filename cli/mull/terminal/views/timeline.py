"""Work and when it was done: a line for each kind, with its seconds and bars at their places in time.

In: names, seconds and intervals, in groups with titles. Out: lines for stdout within its width; bars are left out where
there is no room for them, and in a pipe each row is a line with tabs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from mull.terminal.console.sanitize import one_line
from mull.terminal.console.streams import Streams
from mull.terminal.console.width import clip, width

GAP = 2
SHORTEST = 8  # cells of all bars; fewer show nothing
LONGEST = 80
_FULL, _PARTIAL = "█", "▏"


class Row(NamedTuple):
    """One kind of work. `intervals`: seconds since the beginning, ascending."""

    name: str
    seconds: float
    intervals: Sequence[tuple[float, float]]


def show_timeline(streams: Streams, groups: Sequence[tuple[str, Sequence[Row]]], total: float) -> None:
    """The groups, one below the other; `total`: the seconds that the bars' width stands for."""
    rows = [row for _, some in groups for row in some]
    if not streams.stdout_tty:
        lines = [
            f"{one_line(title) or '-'}\t{one_line(row.name)}\t{row.seconds:.3f} s"
            for title, some in groups
            for row in some
        ]
        streams.write("".join(f"{line}\n" for line in lines))
        return
    room = streams.width - 1
    left = min(max((width(one_line(row.name)) for row in rows), default=0), max(room // 2, 8))
    figures = max((len(_seconds(row)) for row in rows), default=0)
    cells = min(LONGEST, room - left - figures - 2 * GAP)
    style, lines = streams.stdout_style, []
    for title, some in groups:
        if title:
            lines += ["", style(clip(one_line(title), room), "heading")]
        for row in some:
            name = clip(one_line(row.name), left)
            bar = _bar(row, total, cells, unicode=streams.unicode) if cells >= SHORTEST else ""
            text = f"{name}{' ' * (left - width(name) + GAP)}{_seconds(row).rjust(figures)}"
            lines.append(f"{text}{' ' * GAP}{style(bar, 'progress')}" if bar else text)
    streams.write("".join(f"{line}\n" for line in lines))


def _seconds(row: Row) -> str:
    return f"{row.seconds:.3f} s"


def _bar(row: Row, total: float, cells: int, *, unicode: bool) -> str:
    """A full cell where most of its time is this row's, a thin one where some is."""
    shares = [0.0] * cells
    for begin, end in row.intervals if total > 0 else ():
        first, last = begin / total * cells, end / total * cells
        for cell in range(int(first), min(cells, int(last) + 1)):
            shares[cell] += max(0.0, min(last, cell + 1) - max(first, cell))
    full, partial = (_FULL, _PARTIAL) if unicode else ("#", ".")
    drawn = "".join(full if share >= 0.5 else partial if share > 0 else " " for share in shares)
    return drawn.rstrip()
