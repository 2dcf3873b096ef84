"""What a turn is asked for, as a value, and where many of them come from. Imports no engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from mull.control import TurnControl
from mull.dataclass import dataclass
from mull.messages import Message
from mull.settings import TurnSettings

DEFAULT_LIMIT = 16_384
"""Limit of generated tokens without --max-tokens: twice the budget of the highest effort, so that only a runaway model
reaches it; the exit code then reports that the answer was cut."""
BASE_LIMIT = 256
"""The same for a model without a chat template, which continues text and seldom ends by itself."""


@dataclass(frozen=True, slots=True)
class TurnRequest:
    """One turn to run. `key` names it in the results; keys are unique among the turns that run together.

    `control`: stops this turn alone, whose `Done` then says so, or requests its answer; None: the run's control. The
    run's own stop reaches it sooner where that is its `parent`.
    """

    key: int
    messages: Sequence[Message]
    settings: TurnSettings
    control: TurnControl | None = None


class TurnSource(Protocol):
    """Where the turns of a parallel run come from: taken one by one, as slots become free."""

    @property
    def ended(self) -> bool:
        """No more turns will come."""

    def take(self, *, wait: bool) -> TurnRequest | None:
        """The next turn, or None if there is none at the moment. With `wait` it may block for up to 0.1 s."""
