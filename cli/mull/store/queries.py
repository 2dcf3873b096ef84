"""What a store of conversations answers: sessions, turns, branches, and a search.

In: an open database. Out: `Session`, `TurnRecord`, `Message`, `Hit`. Raises StoreError where the disk fails, UsageError
for an unknown session.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, Self

from mull.errors import MullError
from mull.fs.json_text import valid_unicode
from mull.messages import Message
from mull.store import records, schema
from mull.store.records import Hit, Session, TurnRecord, to_messages
from mull.store.search import choose, search_words
from mull.store.statistics import Statistics, statistics

LEAF: Final = -1  # in place of a turn: the session's current one
UNUSED: Final = (  # of a session: last used before a moment, and without a name unless a second value says so
    "updated < ? AND (name IS NULL OR ?)"
    " AND NOT EXISTS (SELECT 1 FROM turns WHERE session = sessions.id AND finish IS NULL)"
)
PREVIEW = 300  # characters of each text in a preview


class Queries:
    """The part of a `Store` that reads. Several threads may use it. A context manager; `close` may be called twice."""

    def __init__(self, connection: sqlite3.Connection, path: Path | None, notice: str | None) -> None:
        self.path = path
        self.notice = notice
        self._db = connection
        self._lock = threading.RLock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        with self._lock:
            self._db.close()

    @property
    def saved(self) -> bool:
        """Whether the store is on the disk."""
        return self.path is not None

    def session(self, identity: str) -> Session:
        """The session with exactly this id. Raises UsageError."""
        with self._reading():
            return records.to_session(self._session_row(identity))

    def sessions(self, limit: int | None = None) -> list[Session]:
        """All sessions, the last used first."""
        with self._reading():
            found = self._db.execute(
                "SELECT * FROM sessions ORDER BY updated DESC, id DESC LIMIT ?",
                (-1 if limit is None else limit,),
            )
            return [records.to_session(row) for row in found]

    def previews(self, limit: int) -> dict[int, tuple[str, str]]:
        """The beginnings of question and answer of the current turns of the last used sessions, by the turn's id."""
        with self._reading():
            found = self._db.execute(
                "SELECT id, substr(question, 1, :length), substr(answer, 1, :length) FROM turns"
                " WHERE id IN (SELECT leaf FROM sessions ORDER BY updated DESC, id DESC LIMIT :limit)",
                {"length": PREVIEW, "limit": limit},
            )
            return {turn: (question.strip(), answer.strip()) for turn, question, answer in found}

    def count(self) -> int:
        """The number of sessions."""
        with self._reading():
            return int(self._db.execute("SELECT count(*) FROM sessions").fetchone()[0])

    def unused(self, before: float, *, named: bool) -> list[Session]:
        """The sessions last used before that moment, the oldest first; those with a name only if `named`."""
        with self._reading():
            found = self._db.execute(
                f"SELECT * FROM sessions WHERE {UNUSED} ORDER BY updated, id",  # noqa: S608 - a constant
                (before, named),
            )
            return [records.to_session(row) for row in found]

    @property
    def bytes(self) -> int:
        """The size of the database on the disk, with its log; 0 in memory."""
        if self.path is None:
            return 0
        files = (self.path, self.path.with_name(f"{self.path.name}-wal"))
        return sum(file.stat().st_size for file in files if file.exists())

    def statistics(self) -> Statistics:
        """Counts over all sessions and turns."""
        with self._reading():
            return statistics(self._db)

    def last(self) -> Session | None:
        """The session that any process used last."""
        found = self.sessions(limit=1)
        return found[0] if found else None

    def find(self, wanted: str) -> Session:
        """The session of that id or name, or of its unique beginning. Raises UsageError."""
        wanted = valid_unicode(wanted.strip())
        with self._reading():
            exact = self._db.execute(
                "SELECT * FROM sessions WHERE id = ? OR name = ?", (wanted.lower(), wanted)
            ).fetchall()
        return choose(
            [records.to_session(row) for row in exact] or self.sessions(), wanted, exact=bool(exact)
        )

    def turns(self, session: str) -> list[TurnRecord]:
        """Every turn of every branch, oldest first."""
        with self._reading():
            found = self._db.execute("SELECT * FROM turns WHERE session = ? ORDER BY id", (session,))
            return [records.to_turn(row) for row in found]

    def turn(self, number: int) -> TurnRecord:
        """The turn with this id, which must exist."""
        with self._reading():
            return records.to_turn(self._db.execute("SELECT * FROM turns WHERE id = ?", (number,)).fetchone())

    def branch(self, session: str, leaf: int | None = LEAF) -> list[TurnRecord]:
        """The turns from the first to `leaf`; default: the session's current turn."""
        with self._reading():
            if leaf == LEAF:
                leaf = self._session_row(session)["leaf"]
            found = self._db.execute(
                "WITH RECURSIVE up (id, parent) AS ("
                " SELECT id, parent FROM turns WHERE id = ? AND session = ?"
                " UNION SELECT turns.id, turns.parent FROM turns JOIN up ON turns.id = up.parent)"
                " SELECT turns.* FROM turns JOIN up USING (id) ORDER BY turns.id",
                (leaf, session),
            )
            return [records.to_turn(row) for row in found]

    def messages(self, session: str) -> list[Message]:
        """The messages for the model when the session is resumed, partial answers included."""
        return to_messages(self.branch(session), self.session(session).system)

    def search(self, query: str, limit: int = 20) -> list[Hit]:
        """Turns that contain every word of the query in question, thinking or answer; the newest first."""
        with self._reading():
            return search_words(self._db, query, limit)

    # Internals.

    def _session_row(self, identity: str) -> sqlite3.Row:
        row = self._db.execute("SELECT * FROM sessions WHERE id = ?", (identity,)).fetchone()
        if row is None:
            raise MullError("unknown_session", f'No such session: "{identity}".', "It was removed.")
        found: sqlite3.Row = row
        return found

    @contextmanager
    def _reading(self) -> Iterator[None]:
        with self._lock, self._errors():
            yield

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            if self.path is not None and isinstance(error, sqlite3.DatabaseError) and schema.is_damage(error):
                with suppress(OSError):
                    schema.suspect(self.path).touch()
            raise schema.store_error(error, self.path) from error
