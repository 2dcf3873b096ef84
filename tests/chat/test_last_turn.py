"""The last turn after the window was resized at the prompt: drawn for the new width, whole and once.

In tmux, which wraps old lines again.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import CHATML
from tests.model_files.scripted import write_scripted

if sys.platform == "win32":
    pytest.skip("needs a pseudo-terminal", allow_module_level=True)

from tests.terminal.test_resize import LOWER
from tests.terminal.tmux import Tmux

QUESTION = "Which words of a question that is longer than forty columns are broken by a narrow window?"
FIRST = "The first paragraph of the answer has extraordinarily complicated words, which break at no letter."
LAST = "Finally comes another extraordinarily uncomplicated paragraph, after whatever there was before."
DARK = {"MULL_THEME": "dark", "COLORTERM": "truecolor"}

needs_tmux = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")


@pytest.fixture(scope="session")
def wrapping(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Path]:
    """A model that thinks, then answers with two paragraphs and so many items between them."""
    folder = tmp_path_factory.mktemp("models")

    def write(items: int) -> Path:
        between = [f"{number}. item{number} of a list\n\n" for number in range(1, items + 1)]
        script = ["<think>", "\nHm.\n", "</think>", f"\n\n{FIRST}\n\n", *between, f"Now.\n\n{LAST}"]
        return write_scripted(
            folder / f"wraps{items}.gguf",
            script,
            template=CHATML,
            user_defined=["<think>", "</think>"],
            name="wraps",
        )

    return write


def wrapped(text: str, columns: int) -> list[str]:
    """The lines of a text at this width, broken at words; the last column stays free."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if len(longer) > columns - 1:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def question_at(columns: int) -> list[str]:
    first, *more = wrapped(QUESTION, columns - 2)
    return [f"> {first}", *(f"  {line}" for line in more)]


def contains(lines: list[str], wanted: list[str]) -> bool:
    return any(lines[at : at + len(wanted)] == wanted for at in range(len(lines)))


def is_drawn_for(lines: list[str], columns: int, *, whole: bool) -> bool:
    """Is the turn there once, its question and its first paragraph (`whole`) and its last one drawn for this width?"""
    squeezed = "".join("".join(lines).split())
    once = all(squeezed.count("".join(text.split())) == 1 for text in (FIRST, LAST, "Thought for"))
    parts = [wrapped(LAST, columns), *([question_at(columns), wrapped(FIRST, columns)] if whole else [])]
    return once and all(contains(lines, part) for part in parts)


def prompt_is_below(lines: list[str], columns: int) -> bool:
    """Is the last of the screen the prompt with its input, and nothing of an earlier one left above?"""
    frame = "─" * columns
    ends = lines[-4:-1] == [frame, "> what is typed", frame]
    return ends and "".join(lines).count("─") == 2 * columns


@needs_tmux
@pytest.mark.parametrize("items", [0, 40])
def test_it_is_whole_and_once_where_lines_are_wrapped_again(
    home: dict[str, str], wrapping: Callable[[int], Path], tmp_path: Path, items: int
) -> None:
    config = Path(home["MULL_CONFIG_DIR"])
    config.mkdir(parents=True, exist_ok=True)
    (config / "config.toml").write_text('banner = "off"\n')
    chat = [sys.executable, "-m", "mull", "chat", "-m", str(wrapping(items))]
    command = ["sh", "-c", f'{LOWER} exec "$@"', "sh", *chat]
    with Tmux(command, tmp_path, rows=40, environ={**home, **DARK}) as terminal:
        terminal.wait("Ask a question")
        terminal.press(QUESTION + "\r")
        terminal.wait(lambda: "of 4,096 tokens\n\n─" in terminal.text)
        terminal.press("what is typed")
        terminal.wait("> what is typed")
        for columns in (40, 120, 50, 80):
            terminal.resize(columns, 40)
            terminal.wait(lambda: is_drawn_for(terminal.lines, columns, whole=not items))  # noqa: B023
            terminal.wait(lambda: prompt_is_below(terminal.lines, columns))  # noqa: B023
            lines = terminal.lines
            assert sum(line.startswith("> Which words") for line in lines) == 1, terminal.text
            numbers = [line.split(".")[0].strip() for line in lines if ". item" in line]
            assert numbers == [str(number) for number in range(1, items + 1)], terminal.text
