"""docs/architecture.svg: the modules that a question passes, drawn from the tables below.

ARCHITECTURE.md shows it, on the site and on GitHub. It needs no script and no fonts of its own, and stands on a paper
of its own, so that it can be read on a dark page as on a light one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 520, 600
_TALL, _LINE = 24, 15  # pixels of a box without text, and of each line in it
_SIZES = {"title": 14, "text": 12, "label": 11}  # pixels
_PAPER, _BOX, _INK, _DIM = "#ffffff", "#eef3fa", "#1b2430", "#4a5868"


@dataclass(frozen=True, slots=True)
class Box:
    """A module: the middle of its upper edge, its width, its name, what it does."""

    x: int
    y: int
    width: int
    name: str
    does: tuple[str, ...] = ()

    @property
    def height(self) -> int:
        return _TALL + _LINE * len(self.does)


BOXES = (
    Box(260, 10, 90, "shell"),
    Box(260, 66, 240, "app.py", ("command line, errors → exit codes",)),
    Box(260, 137, 240, "commands/", ("ask · chat · batch · eval · bench · …",)),
    Box(260, 224, 140, "conversation/", ("branches, recording",)),
    Box(85, 224, 130, "store/", ("SQLite",)),
    Box(435, 224, 140, "terminal/views/", ("live · text", "json · jsonl")),
    Box(260, 311, 140, "backends/", ("ChatBackend →", "LocalBackend")),
    Box(85, 311, 130, "models/", ("name → file,", "memory plan")),
    Box(435, 326, 140, "control.py", ("stop · answer now",)),
    Box(260, 413, 140, "turn/", ("one turn",)),
    Box(85, 490, 130, "chat_template/", ("messages", "→ prompt")),
    Box(260, 490, 140, "reasoning/", ("detect · control", "· split")),
    Box(435, 490, 140, "engine/", ("decode loop,", "KV cache")),
    Box(435, 566, 100, "llama.cpp"),
)


@dataclass(frozen=True, slots=True)
class Arrow:
    """Through these points. `streams`: it is no call, but what flows between modules; its label stands at `at`."""

    points: tuple[tuple[int, int], ...]
    label: str = ""
    at: tuple[int, int] = (0, 0)
    streams: bool = False


ARROWS = (
    Arrow(((260, 34), (260, 66))),
    Arrow(((260, 105), (260, 137))),
    Arrow(((260, 176), (260, 224))),
    Arrow(((380, 157), (435, 157), (435, 224)), "open a view", (440, 195)),
    Arrow(((190, 243), (150, 243))),
    Arrow(((260, 263), (260, 311)), "messages, settings", (146, 291)),
    Arrow(((190, 338), (150, 338))),
    Arrow(((260, 365), (260, 413))),
    Arrow(((190, 432), (85, 432), (85, 490))),
    Arrow(((260, 452), (260, 490))),
    Arrow(((330, 443), (470, 443), (470, 490))),
    Arrow(((435, 544), (435, 566))),
    Arrow(((330, 421), (347, 421), (347, 251), (365, 251)), "events", (351, 312), streams=True),
    Arrow(((455, 278), (455, 326)), "keys", (460, 306), streams=True),
    Arrow(((435, 365), (435, 432), (330, 432)), "", streams=True),
)


def page() -> str:
    """The drawing."""
    return "\n".join(
        [*_head(), *map(_arrow, ARROWS), *(part for box in BOXES for part in _box(box)), "</svg>\n"]
    )


def _head() -> Iterator[str]:
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        'role="img" font-family="system-ui, sans-serif">'
    )
    yield "<title>The modules of mull, from the shell to llama.cpp</title>"
    yield (
        '<defs><marker id="end" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        f'<path d="M0 0L8 4L0 8z" fill="{_DIM}"/></marker></defs>'
    )
    yield f'<rect width="{WIDTH}" height="{HEIGHT}" rx="8" fill="{_PAPER}"/>'


def _arrow(arrow: Arrow) -> str:
    path = "M" + "L".join(f"{x} {y}" for x, y in arrow.points)
    dashes = ' stroke-dasharray="4 4"' if arrow.streams else ""
    line = f'<path d="{path}" fill="none" stroke="{_DIM}" stroke-width="1.4"{dashes} marker-end="url(#end)"/>'
    return line + (_text(*arrow.at, arrow.label, "label", "start") if arrow.label else "")


def _box(box: Box) -> Iterator[str]:
    yield (
        f'<rect x="{box.x - box.width // 2}" y="{box.y}" width="{box.width}" height="{box.height}" rx="5" '
        f'fill="{_BOX}" stroke="{_DIM}"/>'
    )
    yield _text(box.x, box.y + 17, box.name, "title", "middle")
    for number, line in enumerate(box.does, 1):
        yield _text(box.x, box.y + 17 + number * _LINE, line, "text", "middle")


def _text(x: int, y: int, text: str, kind: str, anchor: str) -> str:
    weight = ' font-weight="600"' if kind == "title" else ""
    return (
        f'<text x="{x}" y="{y}" font-size="{_SIZES[kind]}" text-anchor="{anchor}" '
        f'fill="{_INK if kind == "title" else _DIM}"{weight}>{escape(text)}</text>'
    )
