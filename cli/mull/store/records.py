"""What the store keeps, as frozen values: a session, its turns, the files handed in with a question, a search hit.

A turn is one question with its answer; its thinking is a field of its own. Turns form a tree: `parent` is the turn
that came before it, so `retry` and `edit` grow a branch beside the old one. Times are Unix seconds.
Nothing here knows SQL or a screen.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mull.events import Done, Finish, Limit, ReasoningReport, Timing, Usage
from mull.messages import Message

if TYPE_CHECKING:
    import sqlite3

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


def insert(db: sqlite3.Connection, table: str, columns: Mapping[str, Any]) -> int:
    """One new row; returns its rowid. Table and column names are the store's own, never a user's."""
    marks = ",".join("?" * len(columns))
    sql = f"INSERT INTO {table} ({','.join(columns)}) VALUES ({marks})"  # noqa: S608
    return db.execute(sql, _storable(columns)).lastrowid or 0


def update(db: sqlite3.Connection, table: str, identity: int | str, columns: Mapping[str, Any]) -> None:
    """Change one row by its id."""
    changes = ",".join(f"{name} = ?" for name in columns)
    db.execute(f"UPDATE {table} SET {changes} WHERE id = ?", (*_storable(columns), identity))  # noqa: S608


def _storable(columns: Mapping[str, Any]) -> list[Any]:
    """Bytes that were no UTF-8 arrive as lone surrogates, which SQLite refuses: they become question marks."""
    return [
        value.encode(errors="replace").decode() if isinstance(value, str) else value
        for value in columns.values()
    ]


def to_session(row: sqlite3.Row) -> Session:
    """A row of `sessions`."""
    state = row["state"]
    return Session(**{**dict(row), "state": {} if state == "{}" else json.loads(state)})


def to_turn(row: sqlite3.Row) -> TurnRecord:
    """A row of `turns`."""
    details = json.loads(row["details"])
    reasoning = details.get("reasoning")
    return TurnRecord(
        id=row["id"],
        session=row["session"],
        parent=row["parent"],
        question=row["question"],
        answer=row["answer"],
        thinking=row["thinking"],
        finish=row["finish"],
        limit=row["cut"],
        model=row["model"],
        settings=details.get("settings") or {},
        reasoning=ReasoningReport(**reasoning) if reasoning else None,
        usage=Usage(**(details.get("usage") or {})),
        timing=Timing(**(details.get("timing") or {})),
        files=tuple(Attachment(**file) for file in json.loads(row["files"])),
        started=row["started"],
        ended=row["ended"],
    )


def from_turn(turn: TurnRecord) -> dict[str, Any]:
    """The columns of a finished turn, all but its id, session and parent."""
    details = {
        "settings": dict(turn.settings),
        "reasoning": dataclasses.asdict(turn.reasoning) if turn.reasoning else None,
        "usage": dataclasses.asdict(turn.usage),
        "timing": dataclasses.asdict(turn.timing),
    }
    return {
        "started": turn.started,
        "ended": turn.ended,
        "saved": turn.ended or turn.started,
        "finish": turn.finish or "interrupted",
        "cut": turn.limit,
        "model": turn.model,
        "details": json.dumps(details),
        "files": from_files(turn.files),
        "question": turn.question,
        "thinking": turn.thinking,
        "answer": turn.answer,
    }


def from_done(done: Done, details: str, now: float) -> dict[str, Any]:
    """The columns that a turn's end changes; `details` is what its beginning has put there."""
    ended = {
        "reasoning": dataclasses.asdict(done.reasoning),
        "usage": dataclasses.asdict(done.usage),
        "timing": dataclasses.asdict(done.timing),
        "error": done.error.code if done.error else None,
    }
    return {
        "answer": done.answer,
        "thinking": done.thinking,
        "finish": done.finish,
        "cut": done.limit,
        "model": done.model,
        "details": json.dumps(json.loads(details) | ended),
        "saved": now,
        "ended": now,
    }


def from_files(files: Sequence[Attachment]) -> str:
    """The attachments of a turn, as its `files` column holds them."""
    return json.dumps([dataclasses.asdict(file) for file in files])
