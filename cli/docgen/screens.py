"""The pictures of docs/chat.md: `python -m docgen.screens` makes them.

A real chat with the built-in model runs in a pseudo-terminal; what stands on its screen becomes an SVG. POSIX only.
"""

from __future__ import annotations

import html
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyte.graphics
from tests.cli.conftest import CHATML
from tests.model_files.scripted import write_scripted
from tests.terminal.harness import Terminal

DOCS = Path(__file__).parents[2] / "docs"
COLUMNS, ROWS = 80, 20
CELL, LINE, MARGIN = 8.4, 18, 14  # pixels
COLORS = {
    "default": "#d8dee9", "black": "#2e3440", "red": "#e06c75", "green": "#98c379", "brown": "#e5c07b",
    "blue": "#61afef", "magenta": "#c678dd", "cyan": "#56b6c2", "white": "#d8dee9", "brightblack": "#7f8896",
}  # fmt: skip
ANSWER = """\
## Sheep

| who | jumped | left |
| :-- | -----: | ---: |
| Dolly and her lambs | 40 | 60 |
| the rest of the **flock** | 60 | 0 |

1. Count the fences.
2. Then `sum` the sheep:

```python
def left(flock: int, jumped: list[int]) -> int:
    return flock - sum(jumped)  # none, in the end
```
"""
BACKGROUND = "#1b1f26"
pyte.graphics.FG_ANSI[2] = "brightblack"  # pyte knows no faint text: show it as the grey that it looks like


def main() -> None:
    """Write docs/screens/*.svg."""
    (DOCS / "screens").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for name, picture in pictures(Path(folder)):
            (DOCS / "screens" / f"{name}.svg").write_text(picture, encoding="utf-8")


def pictures(folder: Path) -> Iterator[tuple[str, str]]:
    """The screens, in the order of the page."""
    home = {
        "HOME": str(folder),
        "MULL_CONFIG_DIR": str(folder / "config"),
        "MULL_STATE_DIR": str(folder / "state"),
        "HF_HOME": str(folder / "hf"),
        "PATH": os.environ["PATH"],
    }
    with Terminal([sys.executable, "-m", "mull"], columns=COLUMNS, rows=ROWS, environ=home) as chat:
        chat.wait(lambda: standing(chat), "the prompt")
        yield "start", svg(chat)
        ask(chat, "How many r's are in strawberry?")
        yield "answer", svg(chat)
        chat.press("\x0f")
        chat.wait("Ctrl+O closes")
        yield "thoughts", svg(chat)
        chat.press("\x0f")
        ask(chat, "/help")
        yield "help", svg(chat)
    command = [sys.executable, "-m", "mull", "chat", "-m", str(sheep(folder))]
    with Terminal(command, columns=COLUMNS, rows=ROWS, environ=home) as chat:
        chat.wait(lambda: standing(chat), "the prompt")
        chat.press("How many sheep are left?\r")
        chat.wait(lambda: bool(re.search(r"Thinking · [2-9]\.\d s", chat.text)), "some thinking")
        yield "thinking", svg(chat)
        chat.press("\t")
        chat.wait(lambda: standing(chat), "the answer's end")
        yield "markdown", svg(chat)


def standing(chat: Terminal) -> bool:
    """Does the prompt wait?"""
    return bool(chat.lines) and "· thinking " in chat.lines[-1]


def ask(chat: Terminal, line: str) -> None:
    """Type a line at the prompt, and wait until it stands again."""
    chat.wait(lambda: standing(chat), "the prompt")
    chat.press(line + "\r")
    chat.wait(lambda: not standing(chat), "the answer's beginning")
    chat.wait(lambda: standing(chat), "the answer's end")


def sheep(folder: Path) -> Path:
    """A model that counts sheep until it is told to answer: pebble is too quick to be watched."""
    return write_scripted(
        folder / "sheep.gguf",
        ["<think>", *(f"\nSheep {n} jumps over the fence, so {100 - n} are left." for n in range(1, 100))],
        starts={"\n\n": [*re.findall(r"[^\n]+\n+", ANSWER), "<|im_end|>"]},
        template=CHATML,
        user_defined=["<think>", "</think>"],
        n_ctx=65_536,
        name="sheep",
        end=False,
    )


def svg(terminal: Terminal) -> str:
    """The screen as it stands, colours and all."""
    width, height = COLUMNS * CELL + 2 * MARGIN, ROWS * LINE + 2 * MARGIN
    lines = []
    for row in range(ROWS):
        spans = "".join(
            span(column, text, style) for column, text, style in runs(terminal.screen.buffer[row])
        )
        if spans:
            lines.append(f'<text y="{MARGIN + (row + 0.75) * LINE:.0f}" xml:space="preserve">{spans}</text>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" '
        f'font-family="ui-monospace, Menlo, Consolas, monospace" font-size="14">\n'
        f'<rect width="100%" height="100%" rx="8" fill="{BACKGROUND}"/>\n' + "\n".join(lines) + "\n</svg>\n"
    )


def runs(row: Any) -> Iterator[tuple[int, str, Any]]:
    """Stretches of one style: first column, text, the style of its first cell."""
    start, text = 0, ""
    for column in range(COLUMNS):
        cell = row[column]
        if text and look(cell) != look(row[start]):
            yield start, text, row[start]
            start, text = column, ""
        text = text or ""
        if not text:
            start = column
        text += cell.data
    if text.strip():
        yield start, text.rstrip(), row[start]


def look(cell: Any) -> tuple[Any, ...]:
    return cell.fg, cell.bold, cell.italics, cell.underscore


def span(column: int, text: str, cell: Any) -> str:
    """One stretch, at its own place so that a font's width does not matter."""
    if not text.strip():
        return ""
    color = COLORS.get(cell.fg, f"#{cell.fg}" if re.fullmatch(r"[0-9a-f]{6}", cell.fg) else COLORS["default"])
    style = f' x="{MARGIN + column * CELL:.1f}" textLength="{len(text) * CELL:.1f}" fill="{color}"'
    if cell.bold:
        style += ' font-weight="bold"'
    if cell.italics:
        style += ' font-style="italic"'
    return f"<tspan{style}>{html.escape(text)}</tspan>"


if __name__ == "__main__":
    main()
