"""When the context is full: which of the oldest turns have to go, and how to ask a model for a summary of them.

Pure. In: turns and a test whether some of them fit. Out: numbers, texts and messages. Deciding, and telling the user
what was left out, is `conversation.py`'s and the chat's business: nothing is ever left out silently.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mull.messages import Message
from mull.store.records import TurnRecord

NOTICE_SHARE = 0.8  # of the context: from here on the user is told
_SUMMARY_SHARE = 0.4  # of the context that a summary leaves to the newest turns, word for word
_RESERVE_SHARE = 8  # one eighth of the context, or RESERVE, is kept free for the answer
RESERVE = 1024

_ASK = (
    "Summarize the conversation below for someone who has to continue it. Keep every fact, name, number, decision "
    "and open question; leave out pleasantries. Answer with the summary alone."
)
_GIVE = "Here is a summary of the earlier part of our conversation:\n\n"
_TAKEN = "Thank you, I will go on from there."


@dataclass(frozen=True, slots=True)
class Room:
    """Tokens: `used` by a prompt, of the context's `limit`."""

    used: int
    limit: int

    @property
    def reserve(self) -> int:
        """What should stay free for the answer."""
        return min(RESERVE, self.limit // _RESERVE_SHARE)

    @property
    def full(self) -> bool:
        """Would the answer have too little room?"""
        return self.used + self.reserve > self.limit

    @property
    def share(self) -> float:
        return self.used / self.limit if self.limit else 1.0

    @property
    def percent(self) -> int:
        """Rounded down, so that no figure says 80% before the notice does."""
        return int(self.share * 100)

    @property
    def tight(self) -> bool:
        """Is it time to tell the user?"""
        return self.share >= NOTICE_SHARE


def first_that_fits(count: int, fits: Callable[[int], bool]) -> int | None:
    """The smallest number of oldest turns to leave out, of `count`; None when even leaving out all does not do.

    `fits(n)` is asked O(log count) times: leaving out more never makes a prompt longer.
    """
    if not fits(count):
        return None
    low, high = 0, count
    while low < high:
        middle = (low + high) // 2
        if fits(middle):
            high = middle
        else:
            low = middle + 1
    return low


def newest_share(limit: int) -> int:
    """How many tokens of the newest turns a summary leaves as they are."""
    return int(limit * _SUMMARY_SHARE)


def summary_request(turns: Sequence[TurnRecord], earlier: str) -> list[Message]:
    """Ask a model to put these turns, and the summary of what came before them, into fewer words."""
    parts = [_ASK]
    if earlier:
        parts.append(f"What came before:\n{earlier}")
    for turn in turns:
        parts.append(f"User: {turn.content}")
        parts.append(f"Assistant: {turn.answer}")
    return [Message("user", "\n\n".join(parts))]


def summary_messages(summary: str) -> list[Message]:
    """A summary as the beginning of a conversation: a pair of turns, which every chat template can render."""
    return [Message("user", _GIVE + summary), Message("assistant", _TAKEN)] if summary else []
