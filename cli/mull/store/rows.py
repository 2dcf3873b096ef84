"""Between the store's values and SQLite's rows, and nothing else.

What is only ever read together with its turn (settings, reasoning, token counts, times) lives in one JSON column,
so that a new figure needs no migration; what is searched, sorted or joined has a column of its own.
"""

from __future__ import annotations

import dataclasses
import json
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from mull.events import Done, ReasoningReport, Timing, Usage
from mull.store.records import Attachment, Session, TurnRecord


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
