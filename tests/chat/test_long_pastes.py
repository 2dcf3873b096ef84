"""Long pastes in a chat: the model and the session get them whole; one that does not fit comes back to the prompt."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

if sys.platform == "win32":
    pytest.skip("POSIX pseudo-terminals", allow_module_level=True)

from mull.store.sessions import Store
from tests.chat.conftest import ChatTerminal

Chat = Callable[..., "contextlib.AbstractContextManager[ChatTerminal]"]


def pasted(lines: int) -> str:
    return "\n".join(f"line {number}" for number in range(lines))


def paste(text: str) -> str:
    return f"\x1b[200~{text}\x1b[201~"


def test_a_paste_is_stored_whole(chat: Chat, thinker: Path, kept: Store) -> None:
    with chat(thinker) as terminal:
        terminal.say("first " + paste(pasted(60)) + " then " + paste(pasted(20)))
        terminal.shows("Forty-two.")
        assert "first [pasted 60 lines] then [pasted 20 lines]" in terminal.text
        terminal.leave()
    (session,) = kept.sessions()
    assert kept.branch(session.id)[0].question == f"first {pasted(60)} then {pasted(20)}"


@pytest.mark.parametrize("first", ["// a comment\n", "/help me\n", "/1\n", "  //x\n"])
def test_a_paste_is_no_command(chat: Chat, thinker: Path, kept: Store, first: str) -> None:
    with chat(thinker) as terminal:
        terminal.say(paste(first + pasted(60)))
        terminal.shows("Forty-two.")
        terminal.leave()
    (session,) = kept.sessions()
    assert kept.branch(session.id)[0].question == first + pasted(60)


def test_a_paste_beyond_the_context_is_refused_with_its_tokens_and_comes_back(
    chat: Chat, thinker: Path, kept: Store
) -> None:
    with chat(thinker) as terminal:
        terminal.say("what is " + paste(pasted(9000) + "\n"))
        terminal.shows("tokens")
        terminal.wait("> what is [pasted 9,000 lines]")
        terminal.shows("context")
        terminal.press("\x15")
        terminal.leave()
    assert kept.count() == 0


@pytest.mark.parametrize(("lines", "rows"), [(8, 16), (300, 24)])
def test_the_refusal_is_in_view_when_the_prompt_returns(
    chat: Chat, thinker: Path, lines: int, rows: int
) -> None:
    """A text that was not pasted (a line was broken by Ctrl+J), on a screen that it would fill."""
    with chat(thinker, "--ctx", "512", rows=rows) as terminal:
        terminal.wait(lambda: terminal.ready, "the prompt")
        terminal.press("\n".join(["word " * 50] * lines))
        terminal.press("\r")
        terminal.shows("the context 512")
        terminal.wait("> [pasted")
        assert any(line.startswith("Error: ") for line in terminal.lines), terminal.text
        terminal.press("\x15")
        terminal.leave()


def test_a_paste_during_an_answer_is_folded_at_the_next_prompt(chat: Chat, endless: Path) -> None:
    with chat(endless) as terminal:
        terminal.say("go on")
        terminal.wait("Thinking")
        terminal.press("see " + paste(pasted(40)))
        terminal.press("\x1b")
        terminal.wait("> see [pasted 40 lines]")
        terminal.press("\x15")
        terminal.leave()
