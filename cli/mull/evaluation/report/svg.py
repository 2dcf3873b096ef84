"""The plot of accuracy against seconds per answer, as SVG.

In: marks. Out: an `<svg>` element, for a page or a file of its own, which needs no script, font or other file. Each
mark is a point (its shape says the mode, its colour the model) with the interval of its accuracy, and a letter that
overlaps no other letter or point. Texts are escaped.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape

from mull.evaluation.report.marks import Mark
from mull.evaluation.report.scale import Scale, seconds_scale, tick_text
from mull.terminal.console.sanitize import one_line
from mull.terminal.console.width import clip

WIDTH, HEIGHT = 480, 330  # user units; at 390 pixels of a phone, the letters are still 11 pixels high
LEFT, RIGHT, TOP, BOTTOM = 52, 14, 14, 50  # what is around the axes' box
RADIUS = 5.0
_LETTER = 15.0  # the size of letters, and the sides of the square that one takes
_LEGEND = 20  # height of a line of the legend
_LABEL = 40  # characters of a label in the legend

COLOURS = {
    "light": ("#0b62a8", "#b3261e", "#1d6f3a", "#7743d0", "#8a4b00", "#0a6d7a", "#a035a0", "#4b5563"),
    "dark": ("#79b8ff", "#ff9a94", "#63cf85", "#c4a5ff", "#f0b35e", "#5fd0dd", "#ee9bee", "#b3bcc8"),
}
"""One for each model, in turn. Each has a contrast of 4.5 and more to the page in its scheme (a test computes it)."""
_PLAIN = {
    "light": ("#1d2127", "#5c646e", "#d3d9e0", "#ffffff"),
    "dark": ("#dfe4ea", "#98a2ae", "#39424d", "#14171b"),
}  # ink, dim, line, paper: those of the page
Box = tuple[float, float, float, float]


def svg_style(scheme: str, inside: str = "svg.plot") -> str:
    """The rules of one scheme, light or dark."""
    ink, dim, line, _ = _PLAIN[scheme]
    rules = [
        f"{inside} text {{ fill: {ink}; font: 600 {_LETTER}px system-ui, sans-serif; }}",
        f"{inside} .axis text, {inside} .legend text {{ fill: {dim}; font-weight: 400; font-size: 14px; }}",
        f"{inside} .axis path {{ stroke: {line}; fill: none; }}",
        *(
            f"{inside} .m{number} {{ stroke: {colour}; fill: {colour}; }}"
            for number, colour in enumerate(COLOURS[scheme])
        ),
        f"{inside} .mark path {{ stroke-width: 1.5; }}",
    ]
    return "\n".join(rules) + "\n"


def svg(marks: Sequence[Mark], *, legend: bool = False) -> str:
    """The element. `legend`: with a line for each mark below, for a plot that no table stands beside."""
    height = HEIGHT + (_LEGEND * len(marks) + 8 if legend else 0)
    scale = seconds_scale([mark.seconds for mark in marks])
    words = "; ".join(f"{mark.letter}: {one_line(mark.label)}, {mark.figures}" for mark in marks)
    parts = [
        f'<svg class="plot" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        f"<title>{escape(f'Accuracy against seconds per answer. {words}')}</title>",
        *_axes(scale),
    ]
    places = [_place(mark, scale) for mark in marks]
    letters = letter_places(marks, scale)
    parts += [_mark(mark, place, letter) for mark, place, letter in zip(marks, places, letters, strict=True)]
    if legend:
        parts += _legend(marks)
    return "\n".join([*parts, "</svg>"])


def svg_file(marks: Sequence[Mark]) -> str:
    """A whole file, dark and light as the viewer's system is."""
    drawn = svg(marks, legend=True)
    head, _, rest = drawn.partition("\n")
    backgrounds = {scheme: f"svg.plot {{ background: {plain[3]}; }}\n" for scheme, plain in _PLAIN.items()}
    style = (
        f"<style>\n{backgrounds['light']}{svg_style('light')}"
        f"@media (prefers-color-scheme: dark) {{\n{backgrounds['dark']}{svg_style('dark')}}}\n</style>"
    )
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{head}\n{style}\n{rest}\n'


def _axes(scale: Scale) -> Iterator[str]:
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    yield '<g class="axis">'
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        y = _y(share)
        yield f'<path d="M{LEFT} {y:.1f}H{right}"/>'
        yield f'<text x="{LEFT - 8}" y="{y + 5:.1f}" text-anchor="end">{share:.0%}</text>'
    for value in scale.ticks():
        x = _x(value, scale)
        yield f'<path d="M{x:.1f} {bottom}v5"/>'
        yield f'<text x="{x:.1f}" y="{bottom + 20}" text-anchor="middle">{tick_text(value)}</text>'
    how = " (logarithmic)" if scale.log else ""
    yield f'<text x="{(LEFT + right) / 2}" y="{HEIGHT - 9}" text-anchor="middle">seconds per answer{how}</text>'
    yield "</g>"


def _x(seconds: float, scale: Scale) -> float:
    return LEFT + scale.place(seconds) * (WIDTH - LEFT - RIGHT)


def _y(share: float) -> float:
    return TOP + (1 - share) * (HEIGHT - TOP - BOTTOM)


def _place(mark: Mark, scale: Scale) -> tuple[float, float]:
    return _x(mark.seconds, scale), _y(mark.share)


def _mark(mark: Mark, place: tuple[float, float], letter: tuple[float, float]) -> str:
    x, y = place
    across, up = letter
    whisker = (
        f'<path d="M{x:.1f} {_y(mark.low):.1f}V{_y(mark.high):.1f}M{x - 4:.1f} {_y(mark.low):.1f}h8'
        f'M{x - 4:.1f} {_y(mark.high):.1f}h8"/>'
    )
    lead = ""
    if math.dist(place, letter) > 2.2 * _LETTER:  # far from its point: a line leads there
        lead = f'<path d="M{x:.1f} {y:.1f}L{across:.1f} {up:.1f}" stroke-dasharray="2 2"/>'
    return (
        f'<g class="mark m{mark.model_number % len(COLOURS["light"])}">'
        f"<title>{escape(f'{mark.letter}: {one_line(mark.label)}, {mark.figures}')}</title>"
        f"{whisker}{lead}{shape(mark.mode_number, x, y)}</g>"
        f'<text class="letter" x="{across:.1f}" y="{up + 5:.1f}" text-anchor="middle">{mark.letter}</text>'
    )


def shape(number: int, x: float, y: float) -> str:
    """The point of the mode with this number: circle, square, triangle, diamond, hollow circle, hollow square."""
    r = RADIUS
    hollow = ' style="fill: none; stroke-width: 2.5"' if number % 6 >= 4 else ""
    if number % 6 in {0, 4}:
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{r}"{hollow}/>'
    if number % 6 in {1, 5}:
        return f'<rect x="{x - r:.1f}" y="{y - r:.1f}" width="{2 * r}" height="{2 * r}"{hollow}/>'
    if number % 6 == 2:
        return f'<path d="M{x:.1f} {y - 1.2 * r:.1f}l{1.2 * r} {2.2 * r}h{-2.4 * r}z"/>'
    return f'<path d="M{x:.1f} {y - 1.4 * r:.1f}l{1.4 * r} {1.4 * r}l{-1.4 * r} {1.4 * r}l{-1.4 * r} {-1.4 * r}z"/>'


def letter_places(marks: Sequence[Mark], scale: Scale) -> list[tuple[float, float]]:
    """The middle of each letter: the nearest place to its point, within the box, that no letter, no point and not its
    own whisker takes."""
    places = [_place(mark, scale) for mark in marks]
    taken: list[Box] = [(x - RADIUS, y - RADIUS, x + RADIUS, y + RADIUS) for x, y in places]
    found = []
    for mark, place in zip(marks, places, strict=True):
        side = _LETTER * 0.36 * len(mark.letter) + 3
        whisker = (place[0] - 1, _y(mark.high), place[0] + 1, _y(mark.low))
        best = next(
            (
                one
                for one in _around(place)
                if _is_inside(one, side)
                and not any(_overlap(_box(one, side), other) for other in (*taken, whisker))
            ),
            place,
        )
        taken.append(_box(best, side))
        found.append(best)
    return found


def _around(place: tuple[float, float]) -> Iterator[tuple[float, float]]:
    """Places around it, the near ones first; right and left of it before those above and below, for whiskers."""
    x, y = place
    for distance in range(14, 400, 6):
        for angle in (0, 180, 315, 45, 225, 135, 290, 70, 250, 110):
            turn = math.radians(angle)
            yield x + distance * math.cos(turn), y + distance * math.sin(turn)


def _box(middle: tuple[float, float], side: float) -> Box:
    x, y = middle
    return x - side, y - _LETTER / 2, x + side, y + _LETTER / 2


def _is_inside(middle: tuple[float, float], side: float) -> bool:
    left, top, right, bottom = _box(middle, side)
    return left >= LEFT and right <= WIDTH - 2 and top >= 1 and bottom <= HEIGHT - BOTTOM


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _legend(marks: Sequence[Mark]) -> Iterator[str]:
    yield '<g class="legend">'
    for number, mark in enumerate(marks):
        y = HEIGHT + _LEGEND * (number + 0.5)
        label = escape(clip(f"{mark.letter}  {one_line(mark.label)}", _LABEL))
        point = shape(mark.mode_number, LEFT - 24, y)
        yield f'<g class="mark m{mark.model_number % len(COLOURS["light"])}">{point}</g>'
        yield f'<text x="{LEFT - 8}" y="{y + 5:.1f}">{label}</text>'
        yield f'<text x="{WIDTH - RIGHT}" y="{y + 5:.1f}" text-anchor="end">{mark.figures}</text>'
    yield "</g>"
