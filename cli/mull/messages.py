"""What a conversation is made of: `Message` values, used by every layer.

A message keeps its thinking apart from its content. Whether earlier thinking goes back to the model is decided by the
chat template (`reasoning/`), never by the store or a view.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from mull.dataclass import dataclass

Role = Literal["system", "user", "assistant"]

_CHARACTERS_PER_TOKEN = 16
"""More than any tokenizer packs into a token on average."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message by one role. `partial` marks an answer that was stopped before its end.

    `material`: the length, in characters, of the files and piped input that the content begins with; other questions
    may begin with the same. `tokens`: what an answer was generated as, thinking and markers included, in the
    vocabulary of its model; empty where that is unknown.
    """

    role: Role
    content: str
    thinking: str = ""
    partial: bool = False
    material: int = 0
    tokens: tuple[int, ...] = ()


def least_tokens(messages: Sequence[Message]) -> int:
    """A lower bound of a prompt's tokens, from its length alone: what exceeds the context by this count never fits."""
    return sum(len(message.content) for message in messages) // _CHARACTERS_PER_TOKEN
