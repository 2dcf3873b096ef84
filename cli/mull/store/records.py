"""What the store keeps, as frozen values: a session, its turns, the files handed in with a question, a search hit.

A turn is one question with its answer; its thinking is a field of its own. Turns form a tree: `parent` is the turn
that came before it, so `retry` and `edit` grow a branch beside the old one. Times are Unix seconds.
Nothing here knows SQL or a screen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mull.events import Finish, Limit, ReasoningReport, Timing, Usage
from mull.messages import Message

TITLE_LENGTH = 60
_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no i, l, o, u to misread
_EPOCH = 1_577_836_800  # 2020-01-01: six digits last until 2054
_WHOLE: tuple[Finish, ...] = ("stop", "schema")


@dataclass(frozen=True, slots=True)
class Attachment:
    """A text file that went to the model together with a question."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class TurnRecord:
    """One question and what came of it. `finish` None: still running, or its process died in the middle."""

    id: int
    session: str
    parent: int | None
    question: str
    answer: str = ""
    thinking: str = ""
    finish: Finish | None = None
    limit: Limit | None = None
    model: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    reasoning: ReasoningReport | None = None
    usage: Usage = field(default_factory=Usage)
    timing: Timing = field(default_factory=Timing)
    files: tuple[Attachment, ...] = ()
    started: float = 0.0
    ended: float | None = None

    @property
    def partial(self) -> bool:
        """Was the answer stopped, cut or lost before its end?"""
        return self.finish not in _WHOLE

    @property
    def content(self) -> str:
        """The question as the model reads it: the files first, each under its name, then the words."""
        return with_files(self.question, self.files)


@dataclass(frozen=True, slots=True)
class Session:
    """A conversation. `leaf` is the turn it stands at; `name` was given by the user, `title` is what to show."""

    id: str
    name: str | None
    auto_title: str
    system: str
    model: str
    created: float
    updated: float
    leaf: int | None
    turns: int
    state: Mapping[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        return self.name or self.auto_title or "(empty)"


@dataclass(frozen=True, slots=True)
class Hit:
    """A turn that a search found. In `snippet`, `\\x02` and `\\x03` enclose each match; `field` says where it is."""

    session: str
    title: str
    turn: int
    field: str
    snippet: str
    when: float


def with_files(question: str, files: Iterable[Attachment]) -> str:
    """Files and question as one text, each file fenced by a line with its name."""
    parts = [f"--- {file.name} ---\n{file.text.rstrip()}\n--- end of {file.name} ---" for file in files]
    return "\n\n".join([*parts, question] if question else parts)


def title_of(question: str, files: Iterable[Attachment] = ()) -> str:
    """The first question's first words, else its files' names, on one line, cut at a word."""
    line = " ".join((question or ", ".join(file.name for file in files)).split())
    if len(line) <= TITLE_LENGTH:
        return line
    cut = line[:TITLE_LENGTH]
    head, space, _ = cut.rpartition(" ")
    return (head if space and len(head) > TITLE_LENGTH // 2 else cut).rstrip(" ,;:-") + "…"


def session_id(seconds: float) -> str:
    """A short id that sorts as the sessions were made: seconds since 2020 in base 32."""
    number = max(int(seconds) - _EPOCH, 0)
    digits = ""
    while number:
        number, digit = divmod(number, 32)
        digits = _DIGITS[digit] + digits
    return digits.rjust(6, "0")


def to_messages(turns: Iterable[TurnRecord], system: str = "") -> list[Message]:
    """The turns of one branch as the model gets them: a partial answer stays and is marked.

    A turn that failed, or was stopped, before its first word is left out: there is nothing to go on from.
    """
    messages = [Message("system", system)] if system else []
    for turn in turns:
        if not (turn.answer or turn.thinking) and turn.finish in {"error", "interrupted", None}:
            continue
        messages.append(Message("user", turn.content))
        messages.append(Message("assistant", turn.answer, thinking=turn.thinking, partial=turn.partial))
    return messages
