"""What a conversation is made of: frozen values that every floor speaks.

A `Message` keeps its thinking apart from its content; whether old thinking goes back to the model is the
template's business (`reasoning/`), never the store's or the view's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Role = Literal["system", "user", "assistant"]


@dataclass(frozen=True, slots=True)
class Message:
    """One turn's text by one speaker. `partial` marks an answer that was stopped before its end.

    `material`: so many characters at its beginning are files or piped input, which other questions may be about too.
    """

    role: Role
    content: str
    thinking: str = ""
    partial: bool = False
    material: int = 0
