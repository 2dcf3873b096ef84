"""A window that is resized, in tmux (old lines are wrapped again) and in pyte (they are cut)."""

from __future__ import annotations

import json
import shutil
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.terminal.conftest import Play
from tests.terminal.harness import Terminal
from tests.terminal.tmux import Tmux

THOUGHT = "First I look at the word. " * 12
QUESTION = "> a question that is longer than forty columns, as many are, so that it wraps"
BARS = """
import sys
from functools import partial
from pathlib import Path
from mull.terminal.console.streams import Streams
from mull.terminal.views.status_line import StatusLines
import time
streams = Streams.detect()
lines = StatusLines(streams, quiet=False)
streams.note("The line above.")
while not Path(sys.argv[1]).exists():
    room = streams.width - 1
    lines.draw([("part one " + "=" * 99)[:room], ("part two " + "=" * 99)[:room]])
    time.sleep(0.02)
lines.clear()
streams.note("The end.")
"""

# tmux counts the empty rows below the cursor: what does not reach the bottom may be moved into the scrollback, where
# nothing can be erased.
LOWER = "for i in 1 2 3 4 5 6 7 8; do echo; echo; echo; done;"

needs_tmux = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")


def turn(*steps: tuple[str, Any], **options: Any) -> list[str]:
    """The command of a scripted turn below a question."""
    options = {"asks": False, "steps": steps, **options}
    actor = [sys.executable, "-m", "tests.terminal.actor", json.dumps(options)]
    return below_the_question(actor)


def below_the_question(command: list[str]) -> list[str]:
    return ["sh", "-c", f'{LOWER} echo "{QUESTION}"; exec "$@"', "sh", *command]


def waits(terminal: Tmux, texts: list[str], wanted: list[int]) -> None:
    """Wait until each text is shown as often as wanted, wherever the terminal broke it."""

    def counts() -> bool:
        shown = "".join(terminal.text.split())
        return [shown.count("".join(text.split())) for text in texts] == wanted

    terminal.wait(counts)


def fills(terminal: Terminal, columns: int) -> bool:
    """Is a line of the thinking longer than that?"""
    return any(len(line) > columns for line in terminal.lines if "│" in line)


@needs_tmux
def test_the_question_and_the_answer_are_whole_after_resizes(tmp_path: Path) -> None:
    go = tmp_path / "go"
    command = turn(("think", THOUGHT), ("until", str(go)), ("answer", "There are **three**.\n"))
    with Tmux(command, tmp_path) as terminal:
        terminal.wait("│ First I look")
        for columns, rows in [(40, 24), (120, 24), (25, 24), (25, 8), (90, 24)]:
            terminal.resize(columns, rows)
            terminal.wait(lambda: any(line.startswith("│") for line in terminal.lines))
            waits(terminal, [QUESTION, "Thinking"], [1, 1])
        go.touch()
        terminal.wait("[left]")
        shown = [line for line in terminal.lines if line]
        assert shown[0] == QUESTION, terminal.text
        assert [line.partition(" for ")[0] for line in shown[1:]] == [
            "▸ Thought",
            "There are three.",
            "[stop]",
            "[left]",
        ], terminal.text


@needs_tmux
def test_bars_leave_nothing_behind(tmp_path: Path) -> None:
    go = tmp_path / "go"
    (tmp_path / "bars.py").write_text(BARS)
    command = below_the_question([sys.executable, str(tmp_path / "bars.py"), str(go)])
    with Tmux(command, tmp_path) as terminal:
        terminal.wait("part two")
        for columns in (40, 20, 120):
            terminal.resize(columns)
            wanted = [1, 2 * min(99, columns - 1 - len("part one "))]
            waits(terminal, ["part one", "="], wanted)
        go.touch()
        terminal.wait("[left]")
        assert [line for line in terminal.lines if line] == [
            QUESTION,
            "The line above.",
            "The end.",
            "[left]",
        ]


@needs_tmux
def test_the_prompt_leaves_nothing_behind(tmp_path: Path) -> None:
    options = {"asks": True, "default": "what is typed is longer than thirty columns, by far"}
    command = [sys.executable, "-m", "tests.terminal.prompter", json.dumps(options)]
    with Tmux(below_the_question(command), tmp_path) as terminal:
        terminal.wait("pebble")
        for columns in (40, 30, 100, 25, 60):
            terminal.resize(columns)
            waits(terminal, [QUESTION, "what is typed", "pebble", "─"], [1, 1, 1, 2 * columns])


def at_the_top(lines: int, command: list[str]) -> list[str]:
    """The command below lines that take thrice the rows in 50 columns. tmux moves as many rows into the scrollback as
    that adds, with blank ones at the screen's end: whatever is below the lines is in the first row then."""
    return ["sh", "-c", f'seq -f %0110g {lines}; exec "$@"', "sh", *command]


@needs_tmux
@pytest.mark.parametrize(
    ("typed", "lines"), [("two rows of text " * 10, 8), ("the first row\nthe second row", 5)]
)
def test_a_prompt_in_the_first_row_leaves_no_copies(tmp_path: Path, typed: str, lines: int) -> None:
    options = {"asks": True, "default": typed}
    command = [sys.executable, "-m", "tests.terminal.prompter", json.dumps(options)]
    with Tmux(at_the_top(lines, command), tmp_path, columns=120) as terminal:
        terminal.wait("pebble")
        for columns in (50, 90):
            terminal.resize(columns)
            waits(terminal, [typed, "pebble", "─"], [1, 1, 2 * columns])


@needs_tmux
def test_a_turn_in_the_first_row_leaves_no_copies(tmp_path: Path) -> None:
    go = tmp_path / "go"
    command = turn(("think", THOUGHT), ("until", str(go)), ("answer", "There are **three**.\n"))[4:]
    with Tmux(at_the_top(6, command), tmp_path, columns=120) as terminal:
        terminal.wait("│ First I look")
        rows = terminal.text.count("│")
        terminal.resize(50)
        terminal.wait(lambda: terminal.text.count("│") > rows)
        waits(terminal, ["Thinking"], [1])
        go.touch()
        terminal.wait("[left]")
        waits(terminal, ["│", "Thinking", "There are three."], [0, 0, 1])


def test_where_old_lines_are_cut_nothing_else_is_lost(play: Play, tmp_path: Path) -> None:
    go = tmp_path / "go"
    terminal = play(
        ("answer", "Above.\n\nAlso above.\n\n"),
        ("think", THOUGHT),
        ("until", str(go)),
        ("answer", "There are three.\n"),
    )
    terminal.wait("│ First I look")
    for columns in (40, 120, 25, 80):
        terminal.resize(columns, 24)
        wide = columns * 3 // 4
        terminal.wait(partial(fills, terminal, wide))
        assert terminal.text.count("Thinking") == 1
    go.touch()
    assert terminal.exit() == 0
    shown = [line.partition(" for ")[0] for line in terminal.everything if line]
    assert shown == ["Above.", "Also above.", "▸ Thought", "There are three.", "[stop]"]


@pytest.mark.parametrize("columns", [12, 20, 30, 31])
def test_a_narrow_window_keeps_no_row_of_the_thinking(play: Play, columns: int) -> None:
    terminal = play(("think", THOUGHT), ("sleep", 0.3), ("answer", "Three.\n"), columns=columns)
    assert terminal.exit() == 0
    folded, *rest = terminal.lines
    assert folded.startswith("▸ Thought")
    assert rest == ["", "Three.", "[stop]"]
