"""The store of conversations, in SQLite: every turn is on the disk before the prompt comes back.

In: questions, partial text, `Done`. Out: `Session`, `TurnRecord`, `Message`, `Hit`. Several threads may use one `Store`
and several processes one file. Raises StoreError where the disk fails; callers continue unsaved (`open_store(None)`).
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from mull.errors import UsageError
from mull.events import Done
from mull.fs import paths
from mull.store import importing, records, schema
from mull.store.queries import LEAF, UNUSED, Queries
from mull.store.records import Attachment, Session, TurnRecord, session_id, title_of
from mull.store.search import proper_name

STALE_SECONDS = 30.0  # a running turn is saved every second: the process of an older one has died


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


class Store(Queries):
    """Sessions and their turns. A context manager; `close` may be called twice."""

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
        with self._writing():
            return self._start(model, system, name, state)

    def named(
        self, name: str, *, model: str = "", system: str = "", state: Mapping[str, Any] | None = None
    ) -> Session:
        """The session of exactly this name or id, created if there is none. Of several processes, one creates it."""
        name = proper_name(name)
        with self._writing():
            found = self._db.execute(
                "SELECT * FROM sessions WHERE name = ? OR id = ? ORDER BY name IS NULL", (name, name.lower())
            ).fetchone()
            return self._start(model, system, name, state) if found is None else records.to_session(found)

    def _start(self, model: str, system: str, name: str | None, state: Mapping[str, Any] | None) -> Session:
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
        parent: int | None = LEAF,
        known: Collection[int] | None = None,
        model: str = "",
        settings: Mapping[str, Any] | None = None,
        files: Sequence[Attachment] = (),
        ran: Mapping[str, Any] | None = None,
    ) -> int:
        """Save a question as the session's current turn. `parent` None starts a new tree.

        `known`: the turns that the caller has seen. If the current turn is another one, another process has added it:
        then it becomes the parent, so that no turn ends up on a branch that is not shown.
        """
        now = time.time()
        with self._writing():
            row = self._session_row(session)
            taken_up = self._takes_up(session, parent, ran or {})
            moved = known is not None and row["leaf"] is not None and row["leaf"] not in known
            turn = records.insert(
                self._db,
                "turns",
                {
                    "session": session,
                    "parent": row["leaf"] if moved or parent == LEAF else parent,
                    "started": now,
                    "saved": now,
                    "model": model,
                    "details": json.dumps({"settings": dict(settings or {}), "ran": dict(ran or {})}),
                    "files": records.from_files(files),
                    "question": question,
                },
            )
            changes = {
                "leaf": turn,
                "updated": now,
                "model": model or row["model"],
                "turns": row["turns"] + (0 if taken_up else 1),
                "auto_title": row["auto_title"] or title_of(question, files),
            }
            records.update(self._db, "sessions", session, changes)
        return turn

    def _takes_up(self, session: str, parent: int | None, ran: Mapping[str, Any]) -> bool:
        """Whether a turn with this record continues one that is stored: together they are one."""
        if not ran.get(records.CONTINUES) or parent == LEAF:
            return False
        found = self._db.execute(
            "SELECT 1 FROM turns WHERE session = ? AND parent IS ? LIMIT 1", (session, parent)
        )
        return found.fetchone() is not None

    def resume_turn(
        self, turn: int, model: str, settings: Mapping[str, Any], ran: Mapping[str, Any] | None = None
    ) -> bool:
        """Continue a turn that was begun before its model and settings were known; False if it is gone."""
        columns: dict[str, Any] = {
            "model": model,
            "details": json.dumps({"settings": dict(settings), "ran": dict(ran or {})}),
        }
        columns |= {"saved": time.time(), "finish": None, "ended": None}
        with self._writing():
            if self._db.execute("SELECT 1 FROM turns WHERE id = ?", (turn,)).fetchone() is None:
                return False
            records.update(self._db, "turns", turn, columns)
            return True

    def take_back(self, turn: int) -> None:
        """Delete a turn that was begun and not asked; turns that another process added after it stay."""
        with self._writing():
            found = self._db.execute(
                "SELECT session, parent FROM turns WHERE id = ? AND answer = ''", (turn,)
            ).fetchone()
            if found is None:
                return
            row = self._session_row(found["session"])
            self._db.execute("UPDATE turns SET parent = ? WHERE parent = ?", (found["parent"], turn))
            self._db.execute("DELETE FROM turns WHERE id = ?", (turn,))
            changes: dict[str, Any] = {"turns": row["turns"] - 1}
            if row["leaf"] == turn:
                changes["leaf"] = found["parent"]
            if row["turns"] == 1:
                changes["auto_title"] = ""
            records.update(self._db, "sessions", row["id"], changes)

    def interrupt(self, turn: int) -> None:
        """Mark a turn as interrupted, unless it has ended."""
        with self._writing():
            self._db.execute(
                "UPDATE turns SET finish = 'interrupted', ended = saved WHERE id = ? AND finish IS NULL",
                (turn,),
            )

    def partial(self, turn: int, answer: str, thinking: str) -> None:
        """Save the text of a running turn. Cheap: no wait for the disk, no indexing."""
        with self._writing():
            self._db.execute(
                "UPDATE turns SET answer = ?, thinking = ?, saved = ? WHERE id = ? AND finish IS NULL",
                (answer, thinking, time.time(), turn),
            )

    def finish(self, turn: int, done: Done) -> bool:
        """Save the end of a turn durably: it survives a power cut after this returns. False if the turn is gone."""
        now = time.time()
        with self._lock, self._errors(), schema.durable(self._db), self._writing():
            row = self._db.execute("SELECT session, details FROM turns WHERE id = ?", (turn,)).fetchone()
            if row is not None:  # otherwise another process has removed the session
                records.update(self._db, "turns", turn, records.from_done(done, row["details"], now))
                records.update(self._db, "sessions", row["session"], {"updated": now})
            return row is not None

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
        """Save a changed system prompt, model or chat state; None, or a key that `state` lacks: unchanged."""
        changes: dict[str, Any] = {"system": system, "model": model}
        with self._writing():
            if state is not None:
                stored = records.to_session(self._session_row(session)).state
                changes["state"] = json.dumps({**stored, **state})
            self._update(session, **{name: value for name, value in changes.items() if value is not None})

    def remove(self, session: str, *, if_empty: bool = False) -> None:
        """Delete a session with all its branches, also from the search index; `if_empty`: only one without turns."""
        with self._writing():
            if self._session_row(session)["turns"] and if_empty:
                return
            # Without parents the cascade does not recurse deeply.
            self._db.execute("UPDATE turns SET parent = NULL WHERE session = ?", (session,))
            self._db.execute("DELETE FROM turns WHERE session = ?", (session,))
            self._db.execute("DELETE FROM sessions WHERE id = ?", (session,))

    def remove_unused(self, session: str, before: float, *, named: bool) -> bool:
        """Delete a session that was last used before that moment; whether it was deleted.

        Looked up again in the same transaction: it stays if another process has used it meanwhile or answers in it, and
        without `named` if it has a name.
        """
        with self._writing():
            found = self._db.execute(
                f"SELECT 1 FROM sessions WHERE id = ? AND {UNUSED}",  # noqa: S608 - a constant
                (session, before, named),
            )
            if found.fetchone() is None:
                return False
            self.remove(session)
            return True

    def compact(self) -> int:
        """Give the space of what was deleted back to the disk, with the last traces of its text; returns the bytes.

        Without effect where another process reads, or the disk has no room for a second copy.
        """
        before = self.bytes
        with self._lock, suppress(sqlite3.Error):
            self._db.execute(
                "INSERT INTO words (words) VALUES ('optimize')"
            )  # else the index keeps deleted words
            self._db.execute("VACUUM")
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return max(before - self.bytes, 0)

    def insert(self, session: Session, turns: Iterable[TurnRecord]) -> Session:
        """Import a session with all its branches. Its id and name stay if they are free."""
        with self._writing():
            taken = self._db.execute(
                "SELECT 1 FROM sessions WHERE id = :id OR name = :id", {"id": session.id}
            ).fetchone()
            chosen = self._free_id(time.time()) if taken else session.id
            name = None
            if session.name is not None:
                with suppress(UsageError):
                    name = self._free_name(session.name, chosen)
            importing.insert_session(self._db, session, turns, chosen, name)
        return self.session(chosen)

    # Internals.

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
            taken = f'Session {other["id"]} is called "{name}" already.'
            raise UsageError("session_name_taken", taken, "Choose another name.")
        return name

    def _free_id(self, seconds: float) -> str:
        while self._db.execute("SELECT 1 FROM sessions WHERE id = ?", (session_id(seconds),)).fetchone():
            seconds += 1
        return session_id(seconds)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """One transaction; nested uses join the outer one."""
        with self._lock, self._errors():
            if self._db.in_transaction:
                yield
            else:
                with schema.transaction(self._db):
                    yield
