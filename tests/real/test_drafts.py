"""Prompt lookup on real text: drafts are accepted, and the answer is the one without them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from mull.backends.base import ChatBackend
from mull.backends.open import open_backend
from mull.control import TurnControl
from mull.models.resolve import find
from mull.settings import EngineSettings
from tests.real.questions import TIE, ask, greedy

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

CODE = """\
def area(width, height):
    if width < 0:
        raise ValueError("width must not be negative")
    if height < 0:
        raise ValueError("height must not be negative")
    return width * height
"""
TASKS = (
    f"Copy this code exactly:\n\n```python\n{CODE}```",
    "Repeat five times: the quick brown fox jumps over the lazy dog.",
    "Write a poem about the sea.",
)
TOKENS = 80


@pytest.fixture(scope="module")
def drafting(path: Path, backend: ChatBackend) -> Iterator[ChatBackend]:
    """The same model with drafts by prompt lookup."""
    with closing(open_backend(find(str(path)), EngineSettings(threads=1))) as opened:
        for _ in opened.load(TurnControl()):
            pass
        yield opened


def test_drafts_change_no_answer(backend: ChatBackend, drafting: ChatBackend) -> None:
    drafted = accepted = 0
    for task in TASKS:
        plain = greedy(backend, task, TOKENS)
        done = ask(drafting, task, max_tokens=TOKENS)
        lead = plain.lead(done.answer)
        assert lead is None or lead < TIE, (plain.text, done.answer)
        drafted += done.usage.drafted
        accepted += done.usage.accepted
    assert accepted > 10
    assert drafted >= accepted
