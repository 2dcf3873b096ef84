"""What is judged, a `Reply`, and what a judge says of it, a `Verdict`."""

from __future__ import annotations

from mull.dataclass import dataclass
from mull.events import Finish


@dataclass(frozen=True, slots=True)
class Reply:
    """A model's reply to a question: what it answered to the last turn, and what it thought.

    `replies`: the answers to all turns, the last one too, where the question has several.
    """

    answer: str
    thinking: str = ""
    replies: tuple[str, ...] = ()
    finish: Finish = "stop"


@dataclass(frozen=True, slots=True)
class Verdict:
    """`right` None: the judge cannot decide (safety alone). `reason`: why, in a few words.

    `label`: the class that the safety judge gives a reply; empty for the others.
    """

    right: bool | None
    reason: str
    label: str = ""
