"""The plot as a PNG, drawn with matplotlib, which is the extra `plots` of the package.

In: marks. Out: the bytes of the picture. Raises MullError (missing_extra) where matplotlib is not installed. Letters
have the places that `svg.py` finds for them.
"""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Sequence
from typing import Any

from mull.errors import MullError
from mull.evaluation.report.marks import Mark
from mull.evaluation.report.scale import seconds_scale, tick_text
from mull.evaluation.report.svg import BOTTOM, COLOURS, HEIGHT, LEFT, RIGHT, TOP, WIDTH, letter_places
from mull.terminal.console.sanitize import one_line

_DPI = 200
_SHAPES = "os^Dos"
_INCH = 72.0  # user units of svg.py in an inch
_LINE = 15.0  # height of a line of the legend


def check_png() -> None:
    """Raises MullError (missing_extra) where no PNG can be drawn."""
    _figure()


def png(marks: Sequence[Mark]) -> bytes:
    """The picture, light, with a legend below."""
    figure_of = _figure()
    height = HEIGHT + _LINE * len(marks) + 10
    figure = figure_of(figsize=(WIDTH / _INCH, height / _INCH), dpi=_DPI)
    axes = figure.add_axes(
        (
            LEFT / WIDTH,
            (height - HEIGHT + BOTTOM) / height,
            (WIDTH - LEFT - RIGHT) / WIDTH,
            (HEIGHT - TOP - BOTTOM) / height,
        )
    )
    scale = seconds_scale([mark.seconds for mark in marks])
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_xticks([scale.place(value) for value in scale.ticks()], map(tick_text, scale.ticks()))
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0%", "25%", "50%", "75%", "100%"])
    axes.grid(axis="y", color="#d3d9e0")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.set_xlabel(f"seconds per answer{' (logarithmic)' if scale.log else ''}")
    for mark, (x, y) in zip(marks, letter_places(marks, scale), strict=True):
        _draw(axes, mark, scale.place(mark.seconds))
        across, up = (x - LEFT) / (WIDTH - LEFT - RIGHT), 1 - (y - TOP) / (HEIGHT - TOP - BOTTOM)
        axes.text(across, up, mark.letter, weight="bold", ha="center", va="center")
    for number, mark in enumerate(marks):
        up = (_LINE * (len(marks) - number - 0.5) + 5) / height
        words = f"{mark.letter}  {one_line(mark.label)}".replace("$", r"\$")  # no formula
        figure.text(LEFT / WIDTH, up, words, va="center", size=9)
        figure.text(1 - RIGHT / WIDTH, up, mark.figures, va="center", ha="right", size=9)
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph ")  # of a name in another script: it becomes a box
        figure.savefig(file, format="png")
    return file.getvalue()


def _draw(axes: Any, mark: Mark, x: float) -> None:
    colour = COLOURS["light"][mark.model_number % len(COLOURS["light"])]
    axes.vlines(x, mark.low, mark.high, color=colour, clip_on=False)
    shape = _SHAPES[mark.mode_number % len(_SHAPES)]
    filled = "none" if mark.mode_number % len(_SHAPES) >= 4 else colour
    axes.plot([x], [mark.share], shape, color=colour, markerfacecolor=filled, clip_on=False)


def _figure() -> Any:
    """matplotlib's `Figure`, which needs no display."""
    os.environ.setdefault("MPLBACKEND", "agg")
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MullError(
            "missing_extra",
            "A PNG needs matplotlib, which is not installed.",
            "pip install 'mull-chat[plots]' installs it; an .svg needs nothing.",
        ) from error
    return Figure
