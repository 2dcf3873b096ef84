"""Ctrl+R at the chat's prompt, in a real pseudo-terminal: each way to end the search, as in readline."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.terminal.conftest import Ask
from tests.terminal.harness import Terminal

CTRL_A, CTRL_C, CTRL_E, CTRL_G, CTRL_J, CTRL_R = "\x01", "\x03", "\x05", "\x07", "\x0a", "\x12"
ESC = "\x1b"
UP, DOWN, RIGHT, LEFT, DELETE = (ESC + end for end in ("[A", "[B", "[C", "[D", "[3~"))


@pytest.fixture
def searching(ask: Ask, tmp_path: Path) -> Terminal:
    """A prompt with "draft" in it, which shows the match of a search for "app"."""
    history = tmp_path / "history"
    history.write_text(
        "".join(f"\n# 2026-01-01\n+{line}\n" for line in ("one apple", "two apples", "a pear"))
    )
    terminal = ask(history=str(history), default="draft")
    terminal.press(f"{CTRL_R}app")
    terminal.wait("> two apples")
    return terminal


def test_the_bar_shows_the_keys_of_the_search(searching: Terminal) -> None:
    searching.wait("Enter sends · Esc keeps · Ctrl+R earlier · Ctrl+S later · Ctrl+G cancels")
    assert "pebble" not in searching.text
    searching.press(CTRL_G)
    searching.wait("pebble")


def test_enter_submits_the_match(searching: Terminal) -> None:
    searching.press("\r")
    searching.wait("'two apples']")


def test_alt_enter_adds_a_line_to_the_match(searching: Terminal) -> None:
    searching.press(f"{ESC}\r!")
    searching.wait("!apples")
    searching.press("\r")
    searching.wait("'two \\n!apples']")


def test_ctrl_r_again_goes_to_the_match_before(searching: Terminal) -> None:
    searching.press(f"{CTRL_R}\r")
    searching.wait("'one apple']")


@pytest.mark.parametrize(
    ("key", "line"),
    [
        (ESC, "two !apples"),
        (CTRL_J, "two !apples"),
        (LEFT, "two! apples"),
        (RIGHT, "two a!pples"),
        (CTRL_A, "!two apples"),
        (CTRL_E, "two apples!"),
        (UP, "one apple!"),
        (DOWN, "a pear!"),
        (DELETE, "two !pples"),
    ],
    ids=["Esc", "Ctrl+J", "Left", "Right", "Ctrl+A", "Ctrl+E", "Up", "Down", "Delete"],
)
def test_the_match_stays_in_the_line(searching: Terminal, key: str, line: str) -> None:
    searching.press(key)
    searching.wait("pebble")
    searching.press("!\r")
    searching.wait(f"{line!r}]")


@pytest.mark.parametrize("key", [CTRL_G, CTRL_C], ids=["Ctrl+G", "Ctrl+C"])
@pytest.mark.parametrize("earlier", ["", CTRL_R], ids=["first", "second"])
def test_cancelling_restores_the_line(searching: Terminal, key: str, earlier: str) -> None:
    searching.press(earlier + key)
    searching.wait("pebble")
    searching.press("!\r")
    searching.wait("'draft!']")


def test_an_empty_search_changes_nothing(searching: Terminal) -> None:
    searching.press(f"{CTRL_G}{CTRL_R}\r")
    searching.wait("'draft']")
