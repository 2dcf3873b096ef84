"""The slash menu of the chat in a real terminal: what Enter accepts, what it opens, and the help on keys."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

if sys.platform == "win32":
    pytest.skip("POSIX pseudo-terminals", allow_module_level=True)

from tests.chat.conftest import ChatTerminal

Chat = Callable[..., "contextlib.AbstractContextManager[ChatTerminal]"]
DOWN = "\x1b[B"


def test_enter_takes_the_only_completion(chat: Chat, thinker: Path) -> None:
    with chat(thinker) as terminal:
        terminal.say("/effort lo")
        terminal.shows("Thinking: low.")
        terminal.say("/sta")
        terminal.shows("Nothing has been said yet.")
        terminal.say("/thinking hi")
        terminal.shows("Thinking is shown: hide.")
        terminal.say("/system no")  # any text is a system prompt
        terminal.shows("System prompt: no")
        assert "There is no command" not in terminal.text
        terminal.leave()


def test_enter_opens_the_menu_where_several_fit_and_accepts_the_chosen_one(chat: Chat, thinker: Path) -> None:
    with chat(thinker) as terminal:
        terminal.say("/co")
        terminal.wait("> /continue")
        terminal.wait("what fills it")
        terminal.press(DOWN)
        terminal.wait("> /copy")
        terminal.press(DOWN)
        terminal.wait("> /context")
        terminal.press("\r")
        terminal.shows("0 of")
        assert "There is no command" not in terminal.text
        terminal.leave()


def test_a_command_that_needs_an_argument_waits_for_it(chat: Chat, thinker: Path) -> None:
    with chat(thinker) as terminal:
        terminal.say("/noth")
        terminal.wait("> /nothink")
        terminal.press("what is it?\r")
        terminal.shows("Just 42!")
        terminal.leave()


def test_a_resembling_name_is_completed_and_a_second_enter_submits_it(chat: Chat, thinker: Path) -> None:
    with chat(thinker) as terminal:
        terminal.say("/ctx")
        terminal.wait("> /context")
        terminal.press("\r")
        terminal.shows("0 of")
        terminal.say("/xyzzy")
        terminal.shows("There is no command /xyzzy.")
        terminal.say("/modle")
        terminal.shows("Did you mean /model?")
        terminal.leave()


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (40, 10)])
def test_a_question_mark_on_an_empty_line_shows_the_keys(
    chat: Chat, thinker: Path, columns: int, rows: int
) -> None:
    with chat(thinker, columns=columns, rows=rows) as terminal:
        terminal.wait(lambda: terminal.ready, "the prompt")
        terminal.press("?")
        terminal.wait("Alt+Enter")
        terminal.press("\x1b")
        terminal.wait(
            lambda: "Alt+Enter" not in terminal.text and "> ?" not in terminal.text, "Esc to close them"
        )
        terminal.press("?")
        terminal.wait("Alt+Enter")
        terminal.press(" is a mark")
        terminal.wait(lambda: "Alt+Enter" not in terminal.text, "the keys to go")
        assert "> ? is a mark" in terminal.text
        terminal.press("\x15\x04")
        assert terminal.exit() == 0
