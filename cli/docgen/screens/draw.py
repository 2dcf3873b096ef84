"""A terminal's screen as SVG: cells of pyte in, text with colours and styles out, each run of cells at its own place.

The viewer's font may have any width: every run is stretched over its columns.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import pyte.graphics

pyte.graphics.FG_ANSI[2] = "brightblack"  # pyte has no faint text; draw it in grey, as terminals do

CELL, LINE, MARGIN = 8.4, 17, 12  # pixels, for a font of 14
FONT = (
    'font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, DejaVu Sans Mono, monospace" font-size="14"'
)

ARMS = {
    "─": "lr", "│": "ud", "╭": "rd", "╮": "ld", "╰": "ru", "╯": "lu", "┌": "rd", "┐": "ld", "└": "ru", "┘": "lu",
    "├": "udr", "┤": "udl", "┬": "lrd", "┴": "lru", "┼": "lrud", "━": "lr", "╸": "l", "╺": "r",
}  # fmt: skip
"""Box-drawing characters are drawn as lines, so that they meet in every font: left, right, up, down from the middle."""

Row = Sequence[Any]
"""Cells of pyte; the second one of a wide character is empty."""


@dataclass(frozen=True, slots=True)
class Colors:
    """A terminal's background, its text, and its sixteen colours by pyte's names."""

    background: str
    text: str
    named: dict[str, str]


COLORS = {
    "dark": Colors("#16191f", "#d8dee9", {
        "black": "#2e3440", "red": "#e06c75", "green": "#98c379", "brown": "#e5c07b", "blue": "#61afef",
        "magenta": "#c678dd", "cyan": "#56b6c2", "white": "#d8dee9", "brightblack": "#7f8896",
    }),
    "light": Colors("#ffffff", "#24292f", {
        "black": "#24292f", "red": "#b3261e", "green": "#1a7f37", "brown": "#845306", "blue": "#0a53be",
        "magenta": "#7a3e9d", "cyan": "#0b6e7f", "white": "#6e7781", "brightblack": "#6e7781",
    }),
}  # fmt: skip


def picture(rows: Sequence[Row], theme: str) -> str:
    """The screen, without the empty rows at its end."""
    columns, height = len(rows[0]), _used(rows)
    size = f"{columns * CELL + 2 * MARGIN:.0f}", f"{height * LINE + 2 * MARGIN:.0f}"
    lines = [
        f'<g transform="translate({MARGIN},{MARGIN + number * LINE})">{drawn}</g>'
        for number, row in enumerate(rows)
        if (drawn := line(row, theme))
    ]
    return frame(*size, theme, "\n".join(lines))


def frame(width: str, height: str, theme: str, inside: str) -> str:
    """An SVG file with the terminal's background."""
    colors = COLORS[theme]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" {FONT} '
        f'fill="{colors.text}">\n'
        f'<rect width="100%" height="100%" rx="8" fill="{colors.background}" stroke="#808080" '
        f'stroke-opacity="0.3"/>\n{inside}\n</svg>\n'
    )


def line(row: Row, theme: str) -> str:
    """One row, its upper left corner at the origin; empty for one with nothing on it."""
    colors = COLORS[theme]
    runs = list(_runs(row, colors))
    backs = "".join(
        f'<rect x="{start * CELL:.1f}" width="{(end - start) * CELL:.1f}" height="{LINE}" fill="{back}"/>'
        for start, end, _, (_, back, *_) in runs
        if back
    )
    boxes = "".join(_boxes(start, text, style, colors) for start, _, text, style in runs)
    spans = "".join(_spans(*run) for run in runs if run[2].strip(" " + "".join(ARMS)))
    if spans:
        spans = f'<text y="{LINE * 0.76:.0f}" xml:space="preserve">{spans}</text>'
    return backs + boxes + spans


Style = tuple[str, str, bool, bool, bool, bool]
"""Colour of the text and of the background (empty: the terminal's), bold, italic, underlined, struck through."""


def _runs(row: Row, colors: Colors) -> Iterator[tuple[int, int, str, Style]]:
    """The runs of cells of one style: first column, the column behind it, text, style."""
    column = 0
    for (style, _), cells in groupby(row, key=lambda cell: (_style(cell, colors), cell.data in ARMS)):
        texts = [cell.data for cell in cells]
        yield column, column + len(texts), "".join(texts), style
        column += len(texts)


def _style(cell: Any, colors: Colors) -> Style:
    text, back = _color(cell.fg, colors), _color(cell.bg, colors)
    if cell.reverse:
        text, back = back or colors.background, text or colors.text
    return text, back, cell.bold, cell.italics, cell.underscore, cell.strikethrough


def _color(name: str, colors: Colors) -> str:
    if re.fullmatch(r"[0-9a-f]{6}", name):
        return f"#{name}"
    return colors.named.get(name, colors.named.get(name.removeprefix("bright"), ""))


def _boxes(start: int, text: str, style: Style, colors: Colors) -> str:
    """The box-drawing characters of a run, which has no others or none."""
    if text[:1] not in ARMS:
        return ""
    thick = ' stroke-width="3"' if set(text) & set("━╸╺") else ""
    if set(text) <= {"─", "━"}:
        path = f"M{start * CELL:.1f} {LINE / 2}h{len(text) * CELL:.1f}"
    else:
        path = "".join(_arms(start + at, ARMS[box]) for at, box in enumerate(text))
    return f'<path d="{path}" stroke="{style[0] or colors.text}"{thick} fill="none"/>'


def _arms(column: int, arms: str) -> str:
    x, y = (column + 0.5) * CELL, LINE / 2
    ends = {"l": f"h{-CELL / 2:.1f}", "r": f"h{CELL / 2:.1f}", "u": f"v{-y}", "d": f"v{y}"}
    return "".join(f"M{x:.1f} {y}{ends[arm]}" for arm in arms)


def _spans(start: int, end: int, text: str, style: Style) -> str:
    """A run, each group of words at its own column, so that a font of another width moves none far."""
    if len(text) != end - start:  # wide characters: columns and characters differ
        return _span(start, text.rstrip(), style, end - start - len(text) + len(text.rstrip()))
    groups = re.finditer(r"\S+(?: \S+)*", text)
    return "".join(_span(start + group.start(), group[0], style, len(group[0])) for group in groups)


def _span(column: int, text: str, style: Style, columns: int) -> str:
    color, _, bold, italic, underlined, struck = style
    attributes = f' x="{column * CELL:.1f}" textLength="{columns * CELL:.1f}"'
    attributes += f' fill="{color}"' if color else ""
    attributes += ' font-weight="bold"' if bold else ""
    attributes += ' font-style="italic"' if italic else ""
    lines = " ".join(["underline"] * underlined + ["line-through"] * struck)
    attributes += f' text-decoration="{lines}"' if lines else ""
    return f"<tspan{attributes}>{html.escape(text, quote=False)}</tspan>"


def _used(rows: Sequence[Row]) -> int:
    """Rows up to the last one with something on it."""
    blank = [all(not cell.data.strip() and cell.bg == "default" for cell in row) for row in rows]
    return len(blank) - next((count for count, empty in enumerate(reversed(blank)) if not empty), 0)
