"""/template in a real terminal: the picker, what is asked for, what reaches the model, and what is not used."""

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

REVIEW = """
description = "Reviews a change"
system = "You are a $tone reviewer."
prompt = "Review for $focus: $input"
[defaults]
tone = "kind"
[settings]
reason = false
temperature = 0.25
model = "gpt2"
"""


@pytest.fixture
def templates(home: dict[str, str]) -> Path:
    """The user's folder, with the template `review` and one that needs nothing."""
    folder = Path(home["MULL_CONFIG_DIR"]) / "templates"
    folder.mkdir()
    (folder / "review.toml").write_text(REVIEW)
    (folder / "greet.toml").write_text('prompt = "Say hello."')
    (folder / "broken.toml").write_text("prompt = 1")
    return folder


@pytest.mark.usefixtures("templates")
def test_a_picked_template_asks_for_what_it_needs(chat: Chat, thinker: Path, kept: Store) -> None:
    with chat(thinker) as terminal:
        terminal.say("/template")
        terminal.wait("Prompt template · 3")
        terminal.wait("cannot be used")
        terminal.press("reviews")  # of its description
        terminal.wait("Prompt template · 1 of 3")
        terminal.press("\r")
        terminal.shows("review needs a value: focus=…")
        terminal.wait("> /template review focus=")
        terminal.press('"the speed"\r')
        terminal.shows("review needs a text")
        terminal.wait('> /template review focus="the speed"')
        terminal.press("my change\r")
        terminal.shows("Not used in a chat: model = gpt2.")
        terminal.shows("System prompt: You are a kind reviewer.")
        terminal.shows("Just 42!")
        terminal.say("and now?")
        terminal.shows("Forty-two.")
        terminal.leave()
    (session,) = kept.sessions()
    first, second = kept.branch(session.id)
    assert first.question == "Review for the speed: my change"
    assert session.system == "You are a kind reviewer."
    assert (first.settings["reason"], second.settings["reason"]) == ("off", "default")
    assert (first.settings["temperature"], second.settings["temperature"] == 0.25) == (0.25, False)


@pytest.mark.usefixtures("templates")
def test_templates_by_name(chat: Chat, thinker: Path, kept: Store) -> None:
    with chat(thinker) as terminal:
        terminal.say("/template greet")
        terminal.shows("Forty-two.")
        terminal.say("/template broken")
        terminal.shows('expects text for "prompt"')
        terminal.say("/template reviw x")
        terminal.shows('There is no template "reviw".')
        terminal.shows("Did you mean review?")
        terminal.leave()
    assert [turn.question for turn in kept.branch(kept.sessions()[0].id)] == ["Say hello."]


def test_without_templates(chat: Chat, thinker: Path) -> None:
    with chat(thinker) as terminal:
        terminal.say("/template")
        terminal.shows("There is no prompt template here.")
        terminal.leave()
