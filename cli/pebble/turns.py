"""The values that the tasks produce: a turn of a conversation, and a whole one."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random


@dataclass(frozen=True)
class Turn:
    """The user's question, pebble's thinking (used in examples with thinking), and its answer."""

    task: str
    question: str
    thinking: str
    answer: str


@dataclass(frozen=True)
class Chat:
    """Turns in order; the model learns to give the last answer. `system` may be empty."""

    turns: tuple[Turn, ...]
    system: str = ""


Task = Callable[[Random], Turn]
