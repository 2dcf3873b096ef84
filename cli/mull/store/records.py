"""The store's records as frozen values (a session, its turns, attachments, a search hit), and their database rows.

A turn is one question with its answer; thinking is a separate field. Turns form a tree: `parent` is the previous turn,
and `retry` and `edit` add a branch. Times are Unix seconds. Fields that are only read together with their turn
(settings, reasoning, token counts, times) are in one JSON column, so that a new one needs no migration.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Any, get_args

from mull.dataclass import dataclass
from mull.events import Done, Finish, Limit, ReasoningReport, Timing, Usage
from mull.fs.json_text import parse_json, valid_unicode
from mull.messages import Message
from mull.store.session_file import LARGEST

if TYPE_CHECKING:
    import sqlite3

TITLE_LENGTH = 60
_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32, without the easily confused i, l, o, u
_EPOCH = 1_577_836_800  # 2020-01-01: six digits last until 2054
_COMPLETE: tuple[Finish, ...] = ("stop", "schema")
_FINISHES = (*get_args(Finish), None)
_LIMITS = get_args(Limit)
CONTINUES = "continues"  # in `TurnRecord.ran` of a turn that takes up the last one, in whose place it is
LAST_MOMENT = 253_402_214_400.0  # the last day of the year 9999, which every time zone can show


@dataclass(frozen=True, slots=True)
class Attachment:
    """A text file attached to a question."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class TurnRecord:
    """One question with its answer. `finish` None: still running, or its process died.

    `tokens`: those of thinking and answer, as `Message` has them.
    `ran`: what answered, and what was sent beside the turns before it; empty where that was not recorded.
    """

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
    tokens: tuple[int, ...] = ()
    ran: Mapping[str, Any] = field(default_factory=dict)

    @property
    def partial(self) -> bool:
        """Whether the answer was stopped, cut off or lost before its end."""
        return self.finish not in _COMPLETE

    @property
    def content(self) -> str:
        """The question as the model gets it: the files first, each with its name, then the text."""
        return with_files(self.question, self.files)


@dataclass(frozen=True, slots=True)
class Session:
    """A conversation. `leaf` is its current turn; `name` was given by the user, `title` is for display.

    `turns`: those of all branches; a turn that was continued is one.
    """

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
    """A turn that a search found. In `snippet`, `\\x02` and `\\x03` enclose each match, in the field named `field`."""

    session: str
    title: str
    turn: int
    field: str
    snippet: str
    when: float


def with_files(question: str, files: Iterable[Attachment]) -> str:
    """Files and question as one text, each file between lines with its name."""
    parts = [f"--- {file.name} ---\n{file.text.rstrip()}\n--- end of {file.name} ---" for file in files]
    return "\n\n".join([*parts, question] if question else parts)


def title_of(question: str, files: Iterable[Attachment] = ()) -> str:
    """A title from the first words of a question, else from its files' names: one line, cut at a word."""
    line = " ".join((question or ", ".join(file.name for file in files)).split())
    if len(line) <= TITLE_LENGTH:
        return line
    cut = line[:TITLE_LENGTH]
    head, space, _ = cut.rpartition(" ")
    return (head if space and len(head) > TITLE_LENGTH // 2 else cut).rstrip(" ,;:-") + "…"


def session_id(seconds: float) -> str:
    """A short id that sorts by time of creation: seconds since 2020 in base 32."""
    number = max(int(seconds) - _EPOCH, 0)
    digits = ""
    while number:
        number, digit = divmod(number, 32)
        digits = _DIGITS[digit] + digits
    return digits.rjust(6, "0")


def to_messages(turns: Iterable[TurnRecord], system: str = "") -> list[Message]:
    """The turns of one branch as messages for the model; partial answers are marked.

    A turn that failed or was stopped before its first token is left out.
    """
    messages = [Message("system", system)] if system else []
    for turn in turns:
        if not (turn.answer or turn.thinking) and turn.finish in {"error", "interrupted", None}:
            continue
        messages.append(Message("user", turn.content))
        messages.append(Message("assistant", turn.answer, thinking=turn.thinking, partial=turn.partial))
    return messages


def insert(db: sqlite3.Connection, table: str, columns: Mapping[str, Any]) -> int:
    """Insert a row; returns its rowid. Table and column names come from the store, never from the user."""
    marks = ",".join("?" * len(columns))
    sql = f"INSERT INTO {table} ({','.join(columns)}) VALUES ({marks})"  # noqa: S608
    return db.execute(sql, _storable(columns)).lastrowid or 0


def update(db: sqlite3.Connection, table: str, identity: int | str, columns: Mapping[str, Any]) -> None:
    """Update one row by its id."""
    changes = ",".join(f"{name} = ?" for name in columns)
    db.execute(f"UPDATE {table} SET {changes} WHERE id = ?", (*_storable(columns), identity))  # noqa: S608


def _storable(columns: Mapping[str, Any]) -> list[Any]:
    """Lone surrogates, which SQLite rejects, become U+FFFD."""
    return [valid_unicode(value) if isinstance(value, str) else value for value in columns.values()]


def to_session(row: sqlite3.Row) -> Session:
    """The session of a row of `sessions`."""
    state = row["state"]
    values = {
        **dict(row),
        "created": moment(row["created"]),
        "updated": moment(row["updated"]),
        "state": {} if state == "{}" else _state(state),
    }
    return Session(**values)


def to_turn(row: sqlite3.Row) -> TurnRecord:
    """The turn of a row of `turns`."""
    details = _object(row["details"])
    reasoning = _known(ReasoningReport, details.get("reasoning"))
    settings = details.get("settings")
    return TurnRecord(
        id=row["id"],
        session=row["session"],
        parent=row["parent"],
        question=row["question"],
        answer=row["answer"],
        thinking=row["thinking"],
        finish=row["finish"] if row["finish"] in _FINISHES else "error",
        limit=row["cut"] if row["cut"] in _LIMITS else None,
        model=row["model"],
        settings=settings if isinstance(settings, dict) else {},
        reasoning=ReasoningReport(**reasoning) if {"asked", "applied", "how"} <= reasoning.keys() else None,
        usage=Usage(**_known(Usage, details.get("usage"))),
        timing=Timing(**_known(Timing, details.get("timing"))),
        files=_files(row["files"]),
        started=moment(row["started"]),
        ended=None if row["ended"] is None else moment(row["ended"]),
        tokens=token_ids(details.get("tokens")),
        ran=ran if isinstance(ran := details.get("ran"), dict) else {},
    )


def usage_of(details: str) -> tuple[Usage, bool]:
    """The token counts in the `details` of a turn, and whether the turn continues another one."""
    found = _object(details)
    ran = found.get("ran")
    return Usage(**_known(Usage, found.get("usage"))), isinstance(ran, dict) and bool(ran.get(CONTINUES))


def moment(value: object) -> float:
    """A time that a calendar can show: the year 1970 or 9999 for one out of range, as old imports let in."""
    if not isinstance(value, int | float) or not value >= 0:  # also NaN
        return 0.0
    return min(float(value), LAST_MOMENT)


def _object(text: str) -> dict[str, Any]:
    """A JSON column; empty for one that is damaged, or so deep that Python cannot process it."""
    found = _value(text)
    return found if isinstance(found, dict) else {}


def _files(text: str) -> tuple[Attachment, ...]:
    """The attachments; those that are damaged are left out."""
    found = _value(text)
    files = found if isinstance(found, list) else []
    parts = [(file.get("name"), file.get("text")) for file in files if isinstance(file, dict)]
    return tuple(
        Attachment(name, text) for name, text in parts if isinstance(name, str) and isinstance(text, str)
    )


def token_ids(found: object) -> tuple[int, ...]:
    """Token ids; none where the list is damaged."""
    ids = found if isinstance(found, list) else []
    return tuple(ids) if all(type(each) is int and each >= 0 for each in ids) else ()


def _value(text: str) -> Any:
    try:
        return parse_json(text, lenient=True)
    except ValueError:
        return None


def _state(text: str) -> dict[str, Any]:
    """What a chat resumes with; a value of the wrong type is dropped."""
    kinds: dict[str, type] = {"behind": int, "summary": str, "model": str}
    found = _object(text)
    return {name: value for name, value in found.items() if isinstance(value, kinds.get(name, object))}


def _known(kind: type[ReasoningReport | Usage | Timing], values: object) -> dict[str, Any]:
    """The values that this class has a field for, of the right type: text, or numbers that are not negative."""
    known: dict[str, Any] = {}
    if isinstance(values, dict):
        for each in dataclasses.fields(kind):
            value = values.get(each.name)
            number = isinstance(value, int if each.type == "int" else int | float) and 0 <= value < LARGEST
            if isinstance(value, str) if kind is ReasoningReport else number:
                known[each.name] = value
    return known


def _values(record: Usage | Timing | ReasoningReport | Attachment) -> dict[str, Any]:
    """The fields of a record that contains no other; five times as fast as `dataclasses.asdict`."""
    return {name: getattr(record, name) for name in record.__slots__}


def from_turn(turn: TurnRecord) -> dict[str, Any]:
    """The columns of a finished turn, all but its id, session and parent."""
    details = {
        "settings": dict(turn.settings),
        "reasoning": _values(turn.reasoning) if turn.reasoning else None,
        "usage": _values(turn.usage),
        "timing": _values(turn.timing),
        **({"tokens": turn.tokens} if turn.tokens else {}),
        "ran": dict(turn.ran),
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
    """The columns that change when a turn ends; `details`: their value since its beginning."""
    ended = {
        "reasoning": _values(done.reasoning),
        "usage": _values(done.usage),
        "timing": _values(done.timing),
        "error": done.error.code if done.error else None,
        **({"tokens": done.tokens} if done.tokens else {}),
    }
    return {
        "answer": done.answer,
        "thinking": done.thinking,
        "finish": done.finish,
        "cut": done.limit,
        "model": done.model,
        "details": json.dumps(_object(details) | ended),
        "saved": now,
        "ended": now,
    }


def from_files(files: Sequence[Attachment]) -> str:
    """The value of the `files` column."""
    return json.dumps([_values(file) for file in files])
