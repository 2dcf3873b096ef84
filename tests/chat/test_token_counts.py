"""The token counts of a turn agree wherever a chat shows them: the folded thinking, the footer, `/stats`."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.chat.conftest import CHATML, ChatTerminal
from tests.model_files.scripted import write_scripted

Chat = Callable[..., AbstractContextManager[ChatTerminal]]


@pytest.fixture(scope="module")
def twice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thinks with 5 tokens, answers with 2, thinks with 4, answers with 2; the markers are counted."""
    first = ["<think>", "One", " two", " three", "</think>", "First", " answer. "]
    return write_scripted(
        tmp_path_factory.mktemp("models") / "twice.gguf",
        [*first, "<think>", "Four", " five", "</think>", "Second", " one."],
        template=CHATML,
        user_defined=["<think>", "</think>"],
    )


def counts(terminal: ChatTerminal) -> tuple[list[int], int, int, int]:
    """After /stats: tokens of the folded lines, of thinking and answer in /stats, and of the footer."""
    text = terminal.text
    folded = re.findall(r"Thought for .* · (\d+) tokens", text)
    thinking, answer = (
        re.search(rf"^\W*{name} +(\d+) token", text, re.MULTILINE) for name in ("thinking", "answer")
    )
    footer = re.search(r"^\d+\.\d s · (\d+) tokens", text, re.MULTILINE)
    assert thinking
    assert answer
    assert footer
    return [int(each) for each in folded], int(thinking[1]), int(answer[1]), int(footer[1])


def test_two_sections_of_thinking_add_up(chat: Chat, twice: Path) -> None:
    with chat(twice, rows=40) as terminal:
        terminal.say("hi")
        terminal.shows("Second one.")
        terminal.say("/stats")
        terminal.shows("all answers")
        assert counts(terminal) == ([5, 4], 9, 4, 13)
        terminal.leave()


def test_pebbles_counts_agree(chat: Chat) -> None:
    with chat(Path("pebble"), rows=40) as terminal:
        terminal.say("What is 12 + 30?")
        terminal.shows("42")
        terminal.wait(lambda: terminal.ready, "the prompt")
        terminal.say("/stats")
        terminal.shows("all answers")
        (folded,), thinking, answer, footer = counts(terminal)
        assert folded == thinking > 0
        assert footer == thinking + answer
        terminal.leave()
