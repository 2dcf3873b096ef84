"""The pickers of the chat in a real terminal: filter, move, take, close; nothing chosen is nothing changed."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

if sys.platform == "win32":
    pytest.skip("POSIX pseudo-terminals", allow_module_level=True)

from mull.store.sessions import Store
from tests.chat.conftest import ChatTerminal

Chat = Callable[..., "contextlib.AbstractContextManager[ChatTerminal]"]
ESC, UP, DOWN, PAGE_DOWN, HOME, END = "\x1b", "\x1b[A", "\x1b[B", "\x1b[6~", "\x1b[H", "\x1b[F"


def chosen(terminal: ChatTerminal) -> str:
    """The title of the chosen row."""
    return next((line[2:].strip().split("  ")[0] for line in terminal.lines if line.startswith("▸ ")), "")


def test_effort_is_picked_and_escape_changes_nothing(chat: Chat, thinker: Path) -> None:
    with chat(thinker) as terminal:
        terminal.say("/effort")
        terminal.wait("How much to think · 4")
        terminal.wait(lambda: chosen(terminal) == "auto", "the level in use")
        terminal.press(HOME + DOWN)
        terminal.wait(lambda: chosen(terminal) == "medium", "the second level")
        terminal.press("\r")
        terminal.shows("Thinking: medium.")
        terminal.say("/effort")
        terminal.wait(lambda: chosen(terminal) == "medium", "the level in use")
        terminal.press(UP + ESC)
        terminal.count("Thinking: medium.", 2)
        assert "How much to think" not in terminal.text
        terminal.leave()


@pytest.mark.parametrize("closing", [ESC, "\x03", "\x04"])
def test_a_closed_picker_leaves_the_chat_as_it_was(chat: Chat, thinker: Path, closing: str) -> None:
    with chat(thinker) as terminal:
        terminal.say("/theme")
        terminal.wait("Theme · 5")
        terminal.press("mono")
        terminal.wait("Theme · 1 of 5")
        terminal.press(closing)
        terminal.shows("The theme is ansi")
        terminal.say("/model")
        terminal.wait("Model · ")
        terminal.press(END)
        terminal.wait(lambda: chosen(terminal) not in {"", "thinker"}, "the last row")
        terminal.press(closing)
        terminal.wait(lambda: "Enter takes it" not in terminal.text, "the prompt")
        terminal.shows("Still using thinker.")
        terminal.say("one?")
        terminal.shows("Forty-two.")
        terminal.leave()


def test_the_models_are_filtered_and_a_missing_one_is_offered(chat: Chat, thinker: Path) -> None:
    with chat(thinker, env={"HF_HUB_OFFLINE": ""}) as terminal:
        terminal.say("/model")
        terminal.wait("Model ·")
        assert "pebble" in terminal.text
        terminal.press("qwn3-0.6")
        terminal.wait(lambda: chosen(terminal) == "qwen3-0.6b", "the model that the letters mean")
        terminal.wait("not installed: Enter offers the download")
        terminal.press("\r")
        terminal.shows("qwen3-0.6b is not installed. Download it")
        terminal.wait("[y/N]")
        terminal.press("n\r")
        terminal.shows("mull pull qwen3-0.6b")
        terminal.say("/model")
        terminal.wait("Model ·")
        terminal.press("pebble\r")
        terminal.shows("Switched to pebble.")
        terminal.leave()


def test_a_conversation_is_opened_by_words_of_its_answer(chat: Chat, thinker: Path, kept: Store) -> None:
    for number in range(30):
        kept.begin_turn(kept.start(name=f"日本語の話 {number}").id, f"about 象 {number}")
    zoo = kept.start(name="zoo")
    kept.partial(kept.begin_turn(zoo.id, "which animals?"), "elephants and bears", "")
    with chat(thinker, columns=40, rows=10) as terminal:
        terminal.wait(lambda: any(line.startswith(">") for line in terminal.lines), "the prompt")
        terminal.press("/open\r")
        terminal.wait("Conversation · 31")
        assert len(terminal.lines) <= 10
        terminal.press(PAGE_DOWN)
        terminal.wait(lambda: chosen(terminal).startswith("日本語の話"), "a page further")
        terminal.press("nothing of this")
        terminal.wait("Nothing matches.")
        terminal.press("\r\x15bears")
        terminal.wait(lambda: chosen(terminal) == "zoo", "the conversation with bears")
        terminal.press("\r")
        terminal.shows('Resumed "zoo"')


def test_open_without_conversations(chat: Chat, thinker: Path) -> None:
    with chat(thinker) as terminal:
        terminal.say("/open")
        terminal.shows("No conversation has been saved yet.")
        terminal.leave()


def test_a_terminal_that_cannot_move_its_cursor_gets_text(chat: Chat, thinker: Path) -> None:
    with chat(thinker, env={"TERM": "dumb"}) as terminal:
        terminal.wait(">")
        terminal.press("/model\r")
        terminal.shows("Also here: pebble.")
        terminal.press("/effort\r")
        terminal.shows("Thinking: auto.")
        terminal.press("/open\r")
        terminal.shows("/open needs more")


def test_ascii(chat: Chat, thinker: Path) -> None:
    with chat(thinker, env={"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}) as terminal:
        terminal.wait(lambda: any(line.startswith(">") for line in terminal.lines), "the prompt")
        terminal.press("/effort\r")
        terminal.wait("> auto")
        terminal.wait("How much to think - 4")
        assert terminal.text.isascii(), terminal.text


def test_vi_keys_do_not_change_a_picker(chat: Chat, thinker: Path, home: dict[str, str]) -> None:
    with (Path(home["MULL_CONFIG_DIR"]) / "config.toml").open("a") as config:
        config.write('keys = "vi"\n')
    with chat(thinker) as terminal:
        terminal.say("/effort")
        terminal.wait("How much to think")
        terminal.press("hi")
        terminal.wait(lambda: chosen(terminal) == "high", "the level that was typed")
        terminal.press("\r")
        terminal.shows("Thinking: high.")
        terminal.leave()


def test_a_terminal_that_is_resized(chat: Chat, thinker: Path) -> None:
    with chat(thinker) as terminal:
        terminal.say("/model")
        terminal.wait("Model ·")
        terminal.resize(40, 10)
        terminal.press(END)
        terminal.wait(lambda: bool(chosen(terminal)) and len(terminal.lines) <= 10, "the last row")
        terminal.press(ESC)
        terminal.wait(lambda: "Enter takes it" not in terminal.text, "the prompt")


def test_a_termination_restores_the_terminal(chat: Chat, thinker: Path) -> None:
    with chat(thinker) as terminal:
        terminal.say("/theme")
        terminal.wait("Theme · 5")
        os.kill(terminal.process.pid, signal.SIGTERM)
        assert terminal.exit() in {128 + signal.SIGTERM, -signal.SIGTERM}
        assert terminal.mode == terminal.mode_before
