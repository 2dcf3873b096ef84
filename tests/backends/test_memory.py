"""Memory of a long chat: what a context that was replaced by a larger one took is given back."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator

import psutil
import pytest

from mull.backends.local import LocalBackend
from mull.control import TurnControl
from mull.messages import Message
from mull.models.resolve import resolve
from mull.settings import EngineSettings, TurnSettings

MOST_RETAINED = 4 << 20  # bytes; without giving back it is about 10 MB


@pytest.fixture
def pebble(home: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalBackend]:
    monkeypatch.setenv("MULL_STATE_DIR", home["MULL_STATE_DIR"])
    backend = LocalBackend(resolve("pebble"), EngineSettings(threads=1))
    list(backend.load(TurnControl()))
    yield backend
    backend.close()


@pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="needs glibc"
)
def test_a_growing_chat_retains_no_freed_memory(pebble: LocalBackend) -> None:
    for turns in (4, 40, 100):
        earlier = [Message("user", "What is 3 + 4?"), Message("assistant", "7")] * turns
        list(
            pebble.stream(
                [*earlier, Message("user", "And 4 + 4?")], TurnSettings(max_tokens=4), TurnControl()
            )
        )
    process = psutil.Process()
    before = process.memory_info().rss
    ctypes.CDLL(None).malloc_trim(0)
    assert before - process.memory_info().rss < MOST_RETAINED


def test_conversations_one_after_the_other_do_not_add_up(pebble: LocalBackend) -> None:
    """Each fills most of the context and begins differently, as a chat does that leaves out its oldest turns."""
    sizes = []
    for number in range(6):
        earlier = [Message("user", f"What is {number} + 4?"), Message("assistant", "7")] * 100
        list(
            pebble.stream(
                [*earlier, Message("user", "And 4 + 4?")], TurnSettings(max_tokens=4), TurnControl()
            )
        )
        sizes.append(psutil.Process().memory_info().rss)
    assert sizes[-1] - sizes[1] < 2 * MOST_RETAINED
