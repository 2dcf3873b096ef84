"""Memory of a long chat: what a context that was replaced by a larger one took is given back."""

from __future__ import annotations

import ctypes
import sys

import psutil
import pytest

from mull.backends.local import LocalBackend
from mull.control import TurnControl
from mull.messages import Message
from mull.models.resolve import resolve
from mull.settings import EngineSettings, TurnSettings

MOST_RETAINED = 4 << 20  # bytes; without giving back it is about 10 MB


@pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="needs glibc"
)
def test_a_growing_chat_retains_no_freed_memory(
    home: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MULL_STATE_DIR", home["MULL_STATE_DIR"])
    backend = LocalBackend(resolve("pebble"), EngineSettings(threads=1))
    control = TurnControl()
    list(backend.load(control))
    for turns in (4, 40, 100):
        earlier = [Message("user", "What is 3 + 4?"), Message("assistant", "7")] * turns
        list(backend.stream([*earlier, Message("user", "And 4 + 4?")], TurnSettings(max_tokens=4), control))
    process = psutil.Process()
    before = process.memory_info().rss
    ctypes.CDLL(None).malloc_trim(0)
    assert before - process.memory_info().rss < MOST_RETAINED
    backend.close()


def test_conversations_one_after_the_other_do_not_add_up(
    home: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each fills most of the context and begins differently, as a chat does that leaves out its oldest turns."""
    monkeypatch.setenv("MULL_STATE_DIR", home["MULL_STATE_DIR"])
    backend = LocalBackend(resolve("pebble"), EngineSettings(threads=1))
    control = TurnControl()
    list(backend.load(control))
    sizes = []
    for number in range(6):
        earlier = [Message("user", f"What is {number} + 4?"), Message("assistant", "7")] * 100
        list(backend.stream([*earlier, Message("user", "And 4 + 4?")], TurnSettings(max_tokens=4), control))
        sizes.append(psutil.Process().memory_info().rss)
    assert sizes[-1] - sizes[1] < 2 * MOST_RETAINED
    backend.close()
