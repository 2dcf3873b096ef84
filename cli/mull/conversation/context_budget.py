"""When the context is full: which of the oldest turns to leave out, and how to ask a model for a summary of them.

Pure. In: turns and a test whether a number of them fits. Out: numbers, texts and messages. The chat decides, and shows
the user what was left out: no turn is ever left out silently.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mull.dataclass import dataclass
from mull.errors import ContextOverflow
from mull.messages import Message
from mull.store.records import TurnRecord, title_of

NOTICE_SHARE = 0.8  # of the context: from here on the user is warned
_SUMMARY_SHARE = 0.4  # of the context: the newest turns up to here are not summarized
_RESERVE_SHARE = 8  # an eighth of the context, at most RESERVE tokens, stays free for the answer
RESERVE = 1024

_ASK = (
    "Summarize the conversation below for someone who has to continue it. Keep every fact, name, number, decision "
    "and open question; leave out pleasantries. Answer with the summary alone."
)
_GIVE = "Here is a summary of the earlier part of our conversation:\n\n"
_TAKEN = "Thank you, I will go on from there."


@dataclass(frozen=True, slots=True)
class ContextUsage:
    """How full a context is: a prompt takes `used` of `limit` tokens. An unknown limit (None) is never reached.

    `exact`: False for an estimate.
    """

    used: int
    limit: int | None
    exact: bool = True

    @property
    def reserve(self) -> int:
        """Tokens that should stay free for the answer."""
        return RESERVE if self.limit is None else min(RESERVE, self.limit // _RESERVE_SHARE)

    @property
    def full(self) -> bool:
        """The answer would have too few tokens left."""
        return self.limit is not None and self.used + self.reserve > self.limit

    @property
    def free(self) -> int:
        """Tokens that the prompt may still grow by; 0 where the limit is unknown."""
        return 0 if self.limit is None else max(self.limit - self.reserve - self.used, 0)

    @property
    def share(self) -> float:
        if self.limit is None:
            return 0.0
        return self.used / self.limit if self.limit else 1.0

    @property
    def percent(self) -> int:
        """Rounded down, so that no figure reads 80% before the notice appears."""
        return int(self.share * 100)

    @property
    def tight(self) -> bool:
        """So full that the user should know."""
        return self.share >= NOTICE_SHARE

    @property
    def text(self) -> str:
        """`1,234 of 4,096 tokens`, or the tokens alone."""
        used = f"{'' if self.exact or not self.used else 'about '}{self.used:,}"
        return f"{used} tokens" if self.limit is None else f"{used} of {self.limit:,} tokens"

    def overflow(self, hint: str = "") -> ContextOverflow:
        """The error for a prompt that does not fit."""
        return ContextOverflow(self.used, self.limit or 0, hint)


def first_that_fits(count: int, fits: Callable[[int], bool]) -> int | None:
    """The smallest number of oldest turns to leave out, of `count`; None when even leaving out all is not enough.

    Calls `fits(n)` O(log count) times: leaving out more turns never makes a prompt longer.
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
    """The request to summarize these turns, together with the summary of the turns before them."""
    parts = [_ASK]
    if earlier:
        parts.append(f"What came before:\n{earlier}")
    for turn in turns:
        parts.append(f"User: {turn.content}")
        parts.append(f"Assistant: {turn.answer}")
    return [Message("user", "\n\n".join(parts))]


def summary_messages(summary: str) -> list[Message]:
    """A summary as the start of a conversation: one question and answer, which every chat template can render."""
    return [Message("user", _GIVE + summary), Message("assistant", _TAKEN)] if summary else []


def left_out_notice(dropped: Sequence[TurnRecord]) -> str:
    """The notice that names the turns left out, by the first words of their questions."""
    names = ", ".join(f'"{title_of(turn.question)}"' for turn in dropped[:3])
    more = f" and {len(dropped) - 3} more" if len(dropped) > 3 else ""
    return f"The context was full: the model no longer sees the oldest turns: {names}{more}."
