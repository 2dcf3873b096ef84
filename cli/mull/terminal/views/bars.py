"""Progress bars as lines: one for each job or file, with figures beside it.

In: names, parts done, figures in words. Out: lines for the stderr of a terminal, each within its width. A narrow
terminal gets shorter bars, then none, then the figures alone. Names are sanitized here. rich draws the bars; it is
imported on use.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from mull.terminal.console.sanitize import one_line
from mull.terminal.console.streams import Streams
from mull.terminal.console.width import clip, width

LONGEST, SHORTEST = 28, 6  # cells of a bar; a shorter one shows nothing
GAP = 2


class Bar(NamedTuple):
    """`done` of `total`; total 0: unknown, no bar. `figures`: the most important first."""

    name: str
    done: float
    total: float
    figures: Sequence[str]


def bar_lines(streams: Streams, bars: Sequence[Bar], *, reserved: int = 0) -> list[str]:
    """A line for each bar; where they don't fit, for the last one alone.

    `reserved`: cells for the figures, so that a bar does not change its length with them.
    """
    from mull.terminal.console import drawing

    room = streams.width - 1
    figures = [_joined(bar.figures, room) for bar in bars]
    names = [clip(one_line(bar.name), max(room // 3, 12)) for bar in bars]
    beside, left = max(map(width, figures)), max(map(width, names))
    size = min(LONGEST, room - left - 2 * GAP - max(beside, min(reserved, room // 2)))
    if size >= SHORTEST and any(bar.total for bar in bars):
        cells = zip(names, bars, figures, strict=True)
        drawn = [(name, (bar.done, bar.total), text) for name, bar, text in cells]
        return drawing.lines(
            streams, drawing.bars(streams, drawn, (left, size, beside), GAP), on=streams.stderr_style
        )
    if len(bars) > 1:
        return bar_lines(streams, bars[-1:], reserved=reserved)
    if left + GAP + beside <= room:
        return [
            f"{name}{' ' * (left - width(name) + GAP)}{text}"
            for name, text in zip(names, figures, strict=True)
        ]
    return figures


def _joined(figures: Sequence[str], room: int) -> str:
    """As many figures as fit."""
    text = ""
    for figure in figures:
        longer = f"{text}{' ' * GAP}{figure}" if text else figure
        if width(longer) > room:
            break
        text = longer
    return text or clip(figures[0] if figures else "", room)
