"""The store of conversations, in SQLite: every turn is on the disk before the prompt comes back.

In: questions, partial text, `Done`. Out: `Session`, `TurnRecord`, `Message`, `Hit`. Several threads may use one `Store`
and several processes one file. Raises StoreError where the disk fails; callers continue unsaved (`open_store(None)`).
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, Self

from mull.errors import UsageError
from mull.events import Done
from mull.fs import paths
from mull.messages import Message
from mull.store import records, schema
from mull.store.records import Attachment, Hit, Session, TurnRecord, session_id, title_of, to_messages
from mull.store.search import choose, proper_name, search_words

STALE_SECONDS = 30.0  # a running turn is saved every second: the process of an older one has died
_LEAF: Final = -1  # begin_turn's default parent: the session's current turn


def default_path() -> Path:
    """The path of this user's database."""
    return paths.state_dir() / "sessions.db"


def open_store(path: Path | None) -> Store:
    """The store in this file (created if missing), or one in memory for `None`. Raises StoreError.

    `Store.notice` is set when a damaged file was moved aside.
    """
    connection, notice = schema.open_database(path)
    store = Store(connection, path, notice)
    if path is not None:
        with suppress(schema.StoreError):  # recovery of another process's turns may fail
            store.recover()
    return store


class Store:
    """Sessions and their turns. A context manager; `close` may be called twice."""

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

    # Turns: a chat calls begin_turn, partial (every second) and finish.

    def start(
        self,
        *,
        model: str = "",
        system: str = "",
        name: str | None = None,
        state: Mapping[str, Any] | None = None,
    ) -> Session:
        """Create an empty session. Raises UsageError if the name is taken."""
        now = time.time()
        with self._writing():
            chosen = self._free_id(now)
            if name is not None:
                name = self._free_name(name, chosen)
            columns = {
                "id": chosen,
                "name": name,
                "system": system,
                "model": model,
                "created": now,
                "updated": now,
            }
            records.insert(self._db, "sessions", columns | {"state": json.dumps(dict(state or {}))})
        return self.session(chosen)

    def begin_turn(
        self,
        session: str,
        question: str,
        *,
        parent: int | None = _LEAF,
        model: str = "",
        settings: Mapping[str, Any] | None = None,
        files: Sequence[Attachment] = (),
    ) -> int:
        """Save a question as the session's current turn. `parent` None starts a new tree."""
        now = time.time()
        with self._writing():
            row = self._session_row(session)
            turn = records.insert(
                self._db,
                "turns",
                {
                    "session": session,
                    "parent": row["leaf"] if parent == _LEAF else parent,
                    "started": now,
                    "saved": now,
                    "model": model,
                    "details": json.dumps({"settings": dict(settings or {})}),
                    "files": records.from_files(files),
                    "question": question,
                },
            )
            changes = {
                "leaf": turn,
                "updated": now,
                "model": model or row["model"],
                "turns": row["turns"] + 1,
                "auto_title": row["auto_title"] or title_of(question, files),
            }
            records.update(self._db, "sessions", session, changes)
        return turn

    def partial(self, turn: int, answer: str, thinking: str) -> None:
        """Save the text of a running turn. Cheap: no wait for the disk, no indexing."""
        with self._writing():
            self._db.execute(
                "UPDATE turns SET answer = ?, thinking = ?, saved = ? WHERE id = ? AND finish IS NULL",
                (answer, thinking, time.time(), turn),
            )

    def finish(self, turn: int, done: Done) -> None:
        """Save the end of a turn durably: it survives a power cut after this returns."""
        now = time.time()
        with self._lock, self._errors(), schema.durable(self._db), self._writing():
            row = self._db.execute("SELECT session, details FROM turns WHERE id = ?", (turn,)).fetchone()
            if row is not None:  # otherwise another process has removed the session
                records.update(self._db, "turns", turn, records.from_done(done, row["details"], now))
                records.update(self._db, "sessions", row["session"], {"updated": now})

    def recover(self) -> int:
        """Mark the turns whose process died as interrupted, with their last saved text. Returns how many.

        Harmless if the process is alive after all: its own `finish` replaces this.
        """
        stale = time.time() - STALE_SECONDS
        lost = "FROM turns WHERE finish IS NULL AND saved < ?"
        with self._reading():
            if self._db.execute(f"SELECT 1 {lost}", (stale,)).fetchone() is None:  # takes no write lock
                return 0
        with self._writing():
            return self._db.execute(
                "UPDATE turns SET finish = 'interrupted', ended = saved WHERE finish IS NULL AND saved < ?",
                (stale,),
            ).rowcount

    # Queries.

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

    def count(self) -> int:
        """The number of sessions."""
        with self._reading():
            return int(self._db.execute("SELECT count(*) FROM sessions").fetchone()[0])

    def last(self) -> Session | None:
        """The session that any process used last."""
        found = self.sessions(limit=1)
        return found[0] if found else None

    def find(self, wanted: str) -> Session:
        """The session of that id or name, or of its unique beginning. Raises UsageError."""
        wanted = wanted.strip()
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

    def branch(self, session: str, leaf: int | None = _LEAF) -> list[TurnRecord]:
        """The turns from the first to `leaf`; default: the session's current turn."""
        with self._reading():
            if leaf == _LEAF:
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

    # Changing a session.

    def move(self, session: str, leaf: int | None) -> None:
        """Make another turn the current one (undo, retry, another branch); None: before the first."""
        self._update(session, leaf=leaf)

    def rename(self, session: str, name: str | None) -> None:
        """Name a session; None restores the automatic title. Raises UsageError if the name is taken."""
        with self._writing():
            if name is not None:
                name = self._free_name(name, session)
            self._update(session, name=name)

    def update(
        self,
        session: str,
        *,
        system: str | None = None,
        model: str | None = None,
        state: Mapping[str, Any] | None = None,
    ) -> None:
        """Save a changed system prompt, model or chat state; None: unchanged."""
        changes: dict[str, Any] = {"system": system, "model": model}
        changes["state"] = None if state is None else json.dumps(dict(state))
        self._update(session, **{name: value for name, value in changes.items() if value is not None})

    def remove(self, session: str) -> None:
        """Delete a session with all its branches, also from the search index."""
        with self._writing():
            self._session_row(session)
            # Without parents the cascade does not recurse deeply.
            self._db.execute("UPDATE turns SET parent = NULL WHERE session = ?", (session,))
            self._db.execute("DELETE FROM turns WHERE session = ?", (session,))
            self._db.execute("DELETE FROM sessions WHERE id = ?", (session,))

    def insert(self, session: Session, turns: Iterable[TurnRecord]) -> Session:
        """Import a session with all its branches. Its id and name stay if they are free."""
        with self._writing():
            taken = self._db.execute(
                "SELECT 1 FROM sessions WHERE id = ?1 OR name = ?1", (session.id,)
            ).fetchone()
            chosen = self._free_id(time.time()) if taken else session.id
            name = None
            if session.name is not None:
                with suppress(UsageError):
                    name = self._free_name(session.name, chosen)
            records.insert_session(self._db, session, turns, chosen, name)
        return self.session(chosen)

    # Internals.

    def _session_row(self, identity: str) -> sqlite3.Row:
        row = self._db.execute("SELECT * FROM sessions WHERE id = ?", (identity,)).fetchone()
        if row is None:
            raise UsageError("unknown_session", f"No such session: “{identity}”.", "It was removed.")
        found: sqlite3.Row = row
        return found

    def _update(self, session: str, **columns: Any) -> None:
        with self._writing():
            self._session_row(session)
            records.update(self._db, "sessions", session, columns)

    def _free_name(self, name: str, session: str) -> str:
        name = proper_name(name)
        other = self._db.execute(
            "SELECT id FROM sessions WHERE (name = ? OR id = ?) AND id <> ?", (name, name.lower(), session)
        ).fetchone()
        if other is not None:
            taken = f"Session {other['id']} is called “{name}” already."
            raise UsageError("session_name_taken", taken, "Choose another name.")
        return name

    def _free_id(self, seconds: float) -> str:
        while self._db.execute("SELECT 1 FROM sessions WHERE id = ?", (session_id(seconds),)).fetchone():
            seconds += 1
        return session_id(seconds)

    @contextmanager
    def _reading(self) -> Iterator[None]:
        with self._lock, self._errors():
            yield

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """One transaction; nested uses join the outer one."""
        with self._lock, self._errors():
            if self._db.in_transaction:
                yield
            else:
                with schema.transaction(self._db):
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
