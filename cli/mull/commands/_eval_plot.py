"""The plot of an evaluation on a terminal: accuracy against seconds per answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mull.terminal.console.streams import Streams

if TYPE_CHECKING:
    from mull.evaluation.report.groups import Group


def show_plot(streams: Streams, groups: Sequence[Group]) -> None:
    """Below the table, where there are two marks to compare and stdout is a terminal wide enough."""
    from mull.evaluation.report.marks import marks
    from mull.evaluation.report.scale import seconds_scale, tick_text
    from mull.terminal.views.scatter import Axis, Point, scatter_lines

    found = marks(groups)
    if len(found) < 2 or not streams.stdout_tty:
        return
    scale = seconds_scale([mark.seconds for mark in found])
    points = [
        Point(
            mark.letter,
            mark.label,
            mark.figures,
            scale.place(mark.seconds),
            mark.share,
            mark.low,
            mark.high,
            mark.model_number,
        )
        for mark in found
    ]
    title = f"seconds per answer{' (logarithmic)' if scale.log else ''}"
    across = Axis(title, [(scale.place(value), tick_text(value)) for value in scale.ticks()])
    up = Axis("Right, with the 95% interval", [(share / 4, f"{share * 25}%") for share in range(5)])
    lines = scatter_lines(streams, points, across, up)
    if lines:
        streams.write("\n" + "".join(f"{line}\n" for line in lines))
