"""The values that the tasks produce: a turn of a conversation, and a whole one."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random


@dataclass(frozen=True)
class Turn:
    """What the user says, what pebble thinks about it (when it thinks), and what it answers."""

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
