"""What is typed while a chat answers: it waits in sight, is asked again after a stop, and Ctrl+D leaves at the end."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from mull.store.sessions import Store

if sys.platform == "win32":
    pytest.skip("needs a pseudo-terminal", allow_module_level=True)

from tests.chat.conftest import ChatTerminal
from tests.endpoints.dialects import read_dialect
from tests.endpoints.scripted_server import Reply, serve

Chat = Callable[..., "object"]
ESC, CTRL_C, CTRL_D = "\x1b", "\x03", "\x04"


def type_ahead(terminal: ChatTerminal, *lines: str) -> None:
    """Type lines one by one: what comes at once is a paste."""
    for line in lines:
        terminal.press(line)
        terminal.wait(f"> {line[:20]}")
        terminal.press("\r")
        terminal.wait(f"queued  {line[:20]}")


@pytest.mark.parametrize("columns", [80, 40])
def test_all_that_waits_is_in_sight(chat: Chat, endless: Path, columns: int) -> None:
    with chat(endless, columns=columns, rows=30) as terminal:
        terminal.say("Go on.")
        terminal.wait("m20")
        type_ahead(terminal, "the first one", "the second one is a little longer than forty columns")
        terminal.press("being typed")
        terminal.wait(
            lambda: "thesecondoneisalittlelongerthanfortycolumns" in "".join(terminal.text.split()),
            "the second question",
        )
        terminal.wait("> being typed")
        terminal.press(ESC)
        terminal.shows("Stopped")


@pytest.mark.parametrize("key", [ESC, CTRL_C], ids=["esc", "ctrl+c"])
def test_a_stop_asks_before_what_waits_is_sent(chat: Chat, endless: Path, kept: Store, key: str) -> None:
    with chat(endless, "--no-reason") as terminal:
        terminal.say("Go on.")
        terminal.wait("w20")
        type_ahead(terminal, "dropped", "sent")
        terminal.press("last")
        terminal.wait("> last")
        terminal.press(key)
        terminal.shows("2 queued inputs: Enter sends the first, Ctrl+C discards it.")
        terminal.wait("> dropped")
        if key == CTRL_C:  # a second Ctrl+C within two seconds would leave
            terminal.press("x\x7f")
        terminal.press(CTRL_C)
        terminal.shows("1 queued input: Enter sends it, Ctrl+C discards it.")
        terminal.wait("> sent")
        terminal.press("\r")
        terminal.wait(lambda: " w20" in terminal.text and "Esc stops" in terminal.lines[-1], "the answer")
        terminal.press(ESC)
        terminal.count("■ Stopped", 2)
        terminal.wait(lambda: terminal.ready and "> last" in terminal.text, "the rest at the prompt")
        terminal.press("\x15")
        terminal.wait("> Ask a question")
        terminal.leave()
    (session,) = kept.sessions()
    assert [turn.question for turn in kept.branch(session.id)] == ["Go on.", "sent"]


def test_ctrl_d_during_an_answer_leaves_after_it(chat: Chat, kept: Store) -> None:
    dialect = read_dialect("llama_server")
    chunks = dialect.chunks([" Let", " me"], ["Forty", "-two."])
    typed = threading.Event()  # the server holds the first answer back until then
    held = Reply([*chunks[:4], typed, *chunks[4:]])
    with serve() as server:
        dialect.play_on(server)
        server.once("POST", dialect.chat, held)
        server.on("POST", dialect.chat, Reply(chunks))
        with chat(f"thinker@{server.url}/v1") as terminal:
            terminal.say("one")
            terminal.wait("Forty")
            type_ahead(terminal, "two")
            terminal.press(CTRL_D)
            terminal.shows("leaves after this answer")
            typed.set()
            assert terminal.exit() == 0
            assert terminal.mode == terminal.mode_before
    (session,) = kept.sessions()
    assert [(turn.question, turn.answer) for turn in kept.branch(session.id)] == [
        ("one", "Forty-two."),
        ("two", "Forty-two."),
    ]


def test_ctrl_d_during_an_answer_is_taken_back_by_typing(chat: Chat, endless: Path) -> None:
    with chat(endless) as terminal:
        terminal.say("one")
        terminal.wait("m20")
        terminal.press(CTRL_D)
        terminal.shows("leaves after this answer")
        terminal.press("x\x7f")
        terminal.wait(lambda: "leaves after" not in terminal.text, "the keys")
        terminal.press(ESC)
        terminal.leave()


def test_up_takes_back_what_waits(chat: Chat, endless: Path) -> None:
    with chat(endless, "--no-reason") as terminal:
        terminal.say("Go on.")
        terminal.wait("w20")
        type_ahead(terminal, "first", "secund")
        terminal.press("\x1b[A")
        terminal.wait("> secund")
        terminal.press("\x7f\x7f\x7fond")
        terminal.wait("> second")
        terminal.press("\r")
        terminal.wait("queued  second")
        assert "secund" not in terminal.text
        terminal.press(ESC)
        terminal.shows("2 queued inputs")
