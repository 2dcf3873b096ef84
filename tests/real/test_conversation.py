"""A chat of thirty turns, a conversation over several processes, and drafts that change nothing."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from mull.backends.base import ChatBackend
from mull.control import TurnControl
from mull.conversation.conversation import Conversation
from mull.conversation.preferences import Preferences
from mull.events import Done
from mull.store.sessions import open_store
from tests.chat.conftest import Open
from tests.conftest import Run
from tests.real.questions import GREEDY, QUESTIONS

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

CODE = """\
def area(width, height):
    if width < 0:
        raise ValueError("width must not be negative")
    if height < 0:
        raise ValueError("height must not be negative")
    return width * height
"""


def test_thirty_turns(backend: ChatBackend, tmp_path: Path) -> None:
    """Each turn computes only what is new, and all of them are stored."""
    with open_store(tmp_path / "sessions.db") as store:
        talk = Conversation(store, preferences=Preferences(sampling=GREEDY, max_tokens=12))
        turns = [take(talk, backend, question) for question in ("My name is Otto.", *QUESTIONS[:29])]
        for before, after in pairwise(turns):
            assert after.usage.cached >= before.usage.prompt - 1
            assert after.usage.prompt > before.usage.prompt
        # The prompt so far and its answer; the end of the turn and the next question are new. An answer that the
        # tokenizer splits in another way than it was generated is computed again from there on.
        so_far = [turn.usage.prompt + turn.usage.answer - 1 for turn in turns[:-1]]
        assert sum(turn.usage.cached >= least for turn, least in zip(turns[1:], so_far, strict=True)) >= 24
        assert all(turn.finish in {"stop", "length"} and turn.answer for turn in turns)
        assert turns[-1].usage.prompt > 600  # beyond the context that begins with flash attention
        assert talk.branch.session is not None
        assert [turn.answer for turn in store.branch(talk.branch.session.id)] == [
            turn.answer for turn in turns
        ]


def take(talk: Conversation, backend: ChatBackend, question: str) -> Done:
    *_, done = talk.ask(talk.query(question), backend, TurnControl())
    assert isinstance(done, Done)
    return done


def test_a_chat_on_a_terminal(chat: Open, path: Path) -> None:
    with chat(path, "--temperature", "0", "--max-tokens", "30", "--threads", "1") as terminal:
        terminal.say("What is the capital of Germany?")
        terminal.shows("The capital of Germany is Berlin.")
        terminal.say("What is the capital of Japan?")
        terminal.shows("The capital of Japan is Tokyo.")
        terminal.say("/undo")
        terminal.shows("Taken back: What is the capital of Japan?")
        terminal.say("What is the capital of England?")
        terminal.shows("The capital of England is London.")
        terminal.leave()


def test_another_process_continues_from_the_prompt_cache(smol: Run, tmp_path: Path) -> None:
    """The same answer as without the cache, and part of the prompt from the disk."""
    (tmp_path / "area.py").write_text(CODE * 3, encoding="utf-8")

    def ask(*flags: str) -> dict[str, Any]:
        done = smol(
            "--json", "--no-draft", "--max-tokens", "16", "-f", "area.py", *flags, "What does it compute?"
        )
        assert done.returncode == 0, done.stderr
        result: dict[str, Any] = json.loads(done.stdout)
        return result

    first, plain, again = ask(), ask("--no-cache"), ask()
    assert first["usage"]["cached"] == plain["usage"]["cached"] == 0
    assert again["usage"]["cached"] >= 64
    assert first["answer"] == plain["answer"] == again["answer"]
