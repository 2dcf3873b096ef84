"""docs/screens/: pictures of real chats in a pseudo-terminal, as SVG. `make screens` takes them. POSIX only.

One chat is with the built-in model, one with a model that plays a script. Both need the terminal emulator of the tests,
so this is the only module of docgen that imports tests.
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

from docgen import DOCS

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
pyte.graphics.FG_ANSI[2] = "brightblack"  # pyte has no faint text; draw it in grey, as terminals do


def main() -> None:
    """Write docs/screens/*.svg."""
    (DOCS / "screens").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for name, picture in pictures(Path(folder)):
            (DOCS / "screens" / f"{name}.svg").write_text(picture, encoding="utf-8")


def pictures(folder: Path) -> Iterator[tuple[str, str]]:
    """Name and SVG of each screen, in the order in which docs/chat.md shows them."""
    home = {
        "HOME": str(folder),
        "MULL_CONFIG_DIR": str(folder / "config"),
        "MULL_STATE_DIR": str(folder / "state"),
        "HF_HOME": str(folder / "hf"),
        "PATH": os.environ["PATH"],
    }
    with Terminal([sys.executable, "-m", "mull"], columns=COLUMNS, rows=ROWS, environ=home) as chat:
        chat.wait(lambda: chat.at_prompt, "the prompt")
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
        chat.wait(lambda: chat.at_prompt, "the prompt")
        chat.press("How many sheep are left?\r")
        chat.wait(lambda: bool(re.search(r"Thinking · [2-9]\.\d s", chat.text)), "some thinking")
        yield "thinking", svg(chat)
        chat.press("\t")
        chat.wait(lambda: chat.at_prompt, "the answer's end")
        yield "markdown", svg(chat)


def ask(chat: Terminal, line: str) -> None:
    """Type a line at the prompt and wait for the next prompt."""
    chat.wait(lambda: chat.at_prompt, "the prompt")
    chat.press(line + "\r")
    chat.wait(lambda: not chat.at_prompt, "the answer's beginning")
    chat.wait(lambda: chat.at_prompt, "the answer's end")


def sheep(folder: Path) -> Path:
    """A model that counts sheep until it is interrupted: pebble is too fast for a picture."""
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
    """The screen with its colours and styles."""
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
    """The runs of cells of one style in a row: first column, text, a cell with the style."""
    start, text = 0, ""
    for column in range(COLUMNS):
        cell = row[column]
        if text and style_of(cell) != style_of(row[start]):
            yield start, text, row[start]
            start, text = column, ""
        text = text or ""
        if not text:
            start = column
        text += cell.data
    if text.strip():
        yield start, text.rstrip(), row[start]


def style_of(cell: Any) -> tuple[Any, ...]:
    return cell.fg, cell.bold, cell.italics, cell.underscore


def span(column: int, text: str, cell: Any) -> str:
    """One run, at an explicit position, so that the width of the viewer's font does not matter."""
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
