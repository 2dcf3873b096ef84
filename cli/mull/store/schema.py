"""The database file: opening, schema migrations, and recovery from damage.

In: a path, or None for a database in memory. Out: a connection with the newest schema, and a notice or None. A damaged
file is moved aside, never emptied; a file of a newer mull is rejected unchanged. Where the file or its folder cannot be
written, the connection can only read. Files have mode 0600. Raises StoreError.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from mull.errors import MullError
from mull.fs.lock import locked

BUSY_SECONDS = 15.0  # how long one process waits for another's write
QUICK_CHECK_BYTES = 8 << 20  # a smaller file is always checked: that takes some 10 ms

# Only finished turns are in the full-text index: a running one is saved every second.
_VERSION_1 = """
CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    name TEXT UNIQUE COLLATE NOCASE,
    auto_title TEXT NOT NULL DEFAULT '',
    system TEXT NOT NULL DEFAULT '',
    model TEXT NOT NULL DEFAULT '',
    created REAL NOT NULL,
    updated REAL NOT NULL,
    leaf INTEGER,
    turns INTEGER NOT NULL DEFAULT 0,
    state TEXT NOT NULL DEFAULT '{}'
) WITHOUT ROWID;
CREATE INDEX sessions_updated ON sessions (updated, id);
CREATE TABLE turns (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    session TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    parent INTEGER REFERENCES turns (id) ON DELETE CASCADE,
    started REAL NOT NULL,
    ended REAL,
    saved REAL NOT NULL,
    finish TEXT,
    cut TEXT,
    model TEXT NOT NULL DEFAULT '',
    details TEXT NOT NULL DEFAULT '{}',
    files TEXT NOT NULL DEFAULT '[]',
    question TEXT NOT NULL,
    thinking TEXT NOT NULL DEFAULT '',
    answer TEXT NOT NULL DEFAULT ''
);
CREATE INDEX turns_session ON turns (session);
CREATE INDEX turns_parent ON turns (parent);
CREATE INDEX turns_running ON turns (saved) WHERE finish IS NULL;
CREATE VIRTUAL TABLE words USING fts5(
    question, thinking, answer, content='turns', content_rowid='id', tokenize='unicode61 remove_diacritics 2'
);
CREATE TRIGGER words_insert AFTER INSERT ON turns WHEN new.finish IS NOT NULL BEGIN
    INSERT INTO words (rowid, question, thinking, answer) VALUES (new.id, new.question, new.thinking, new.answer);
END;
CREATE TRIGGER words_delete AFTER DELETE ON turns WHEN old.finish IS NOT NULL BEGIN
    INSERT INTO words (words, rowid, question, thinking, answer)
    VALUES ('delete', old.id, old.question, old.thinking, old.answer);
END;
CREATE TRIGGER words_update AFTER UPDATE OF finish, question, thinking, answer ON turns BEGIN
    INSERT INTO words (words, rowid, question, thinking, answer)
    SELECT 'delete', old.id, old.question, old.thinking, old.answer WHERE old.finish IS NOT NULL;
    INSERT INTO words (rowid, question, thinking, answer)
    SELECT new.id, new.question, new.thinking, new.answer WHERE new.finish IS NOT NULL;
END;
"""
MIGRATIONS = (_VERSION_1,)  # entry n migrates from version n to n + 1; old entries never change


class StoreError(MullError):
    """The sessions cannot be read or saved: no permission, a full disk, a damaged or a newer database."""


def open_database(path: Path | None) -> tuple[sqlite3.Connection, str | None]:
    """A connection with the newest schema, and a notice if a damaged file was moved aside. Raises StoreError."""
    if path is None:
        connection = _configure(sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None))
        _migrate(connection)
        return connection, None
    try:
        make_private(path)
        try:
            return _open_checked(path), None
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
            return _open_after_damage(path)
    except (OSError, sqlite3.Error) as error:
        if not (isinstance(error, sqlite3.DatabaseError) and is_damage(error)):
            with contextlib.suppress(OSError, sqlite3.Error):
                if (readable := _open_read_only(path)) is not None:
                    return readable, None
        cause = _cause(error)
        raise store_error(cause, path) from cause


def _cause(error: Exception) -> Exception:
    """What the operating system refused, where SQLite says only that it cannot open a file. It opens up to three."""
    if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_CANTOPEN:
        try:
            with contextlib.ExitStack() as files:
                for _ in range(3):
                    files.callback(os.close, os.open(os.devnull, os.O_RDONLY))
        except OSError as refused:
            return refused
    return error


def store_error(error: Exception, path: Path | None) -> StoreError:
    """The StoreError for an error of the operating system or of SQLite."""
    where = str(path) if path else "memory"
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    damaged = isinstance(error, sqlite3.DatabaseError) and is_damage(error)
    return StoreError(
        "store_damaged" if damaged else "store_failed",
        f"Sessions cannot be saved in {where}: {reason}.",
        "Free some disk space, or fix the permissions.",
    )


def is_damage(error: sqlite3.Error) -> bool:
    """Whether the file itself is damaged, and not just locked or read-only, or the disk full."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def suspect(path: Path) -> Path:
    """The marker file of a database in which damage was found: it is checked completely when it is opened next."""
    return path.with_name(path.name + ".suspect")


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """A transaction. It takes the write lock at once, so that two processes wait instead of failing half-way."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        with contextlib.suppress(sqlite3.Error):  # a full disk has already rolled back
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


@contextlib.contextmanager
def durable(connection: sqlite3.Connection) -> Iterator[None]:
    """Transactions inside survive a power cut; they wait for the disk."""
    connection.execute("PRAGMA synchronous = FULL")
    try:
        yield
    finally:
        with contextlib.suppress(sqlite3.Error):
            connection.execute("PRAGMA synchronous = NORMAL")


def make_private(path: Path) -> None:
    """Create the file if missing, readable by its owner only; SQLite gives its -wal and -shm the same mode."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    elif path.stat().st_mode & 0o077 and os.name == "posix":
        path.chmod(0o600)


def _open_checked(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, check_same_thread=False, isolation_level=None)
    try:
        _configure(connection)
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > len(MIGRATIONS):
            raise StoreError(
                "store_newer", f"{path} was written by a newer mull.", "Update mull, or use --no-save."
            )
        _use_wal(connection)
        if path.stat().st_size < QUICK_CHECK_BYTES or suspect(path).exists():
            verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            if verdict != "ok":
                raise damage(verdict)
            suspect(path).unlink(missing_ok=True)
        if version < len(MIGRATIONS):
            _migrate(connection)
        connection.execute("SELECT id, leaf FROM sessions ORDER BY updated DESC LIMIT 1").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def _open_after_damage(path: Path) -> tuple[sqlite3.Connection, str | None]:
    """Move the damaged file aside and start a new one, unless another process has just done so."""
    with locked(path):
        with contextlib.suppress(sqlite3.DatabaseError):
            return _open_checked(path), None
        aside = _move_aside(path)
        make_private(path)
        return _open_checked(path), f"The session database was damaged; it was moved to {aside}."


def _open_read_only(path: Path) -> sqlite3.Connection | None:
    """A connection that can only read, to a database of this version; None if there is no such file.

    SQLite reads a database with a write-ahead log only where it can create files beside it, or if the log may be
    ignored. With turns in that log, a copy is read into memory.
    """
    if not path.is_file():
        return None
    log = path.with_name(path.name + "-wal")
    logged = log.exists() and log.stat().st_size > 0
    for how in ("mode=ro",) if logged else ("mode=ro", "immutable=1"):
        with contextlib.suppress(sqlite3.Error):
            return _open_current(f"{path.absolute().as_uri()}?{how}")
    with tempfile.TemporaryDirectory(prefix="mull-") as folder:
        copy = Path(shutil.copy(path, folder))
        if logged:
            shutil.copy(log, folder)
        with contextlib.closing(_open_current(copy.as_uri())) as connection:
            memory = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
            connection.backup(memory)
    memory.execute("PRAGMA query_only = ON")
    return _configure(memory)


def _open_current(address: str) -> sqlite3.Connection:
    """Open the database at this URI, if it has the newest schema. Raises sqlite3.Error."""
    connection = sqlite3.connect(
        address, uri=True, timeout=BUSY_SECONDS, check_same_thread=False, isolation_level=None
    )
    try:
        if _configure(connection).execute("PRAGMA user_version").fetchone()[0] != len(MIGRATIONS):
            raise sqlite3.DatabaseError("its schema is an older one")
        connection.execute("SELECT id, leaf FROM sessions ORDER BY updated DESC LIMIT 1").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def damage(text: str) -> sqlite3.DatabaseError:
    """The error that SQLite raises for a damaged file, for damage that only its check reports."""
    error = sqlite3.DatabaseError(text)
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error


def _configure(connection: sqlite3.Connection) -> sqlite3.Connection:
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute(
        "PRAGMA secure_delete = ON"
    )  # what was removed is overwritten, not only marked as free
    connection.execute("PRAGMA synchronous = NORMAL")  # survives a killed process; `durable` asks for more
    return connection


def _use_wal(connection: sqlite3.Connection) -> None:
    """Use write-ahead logging: readers don't block a writer. SQLite does not wait for the lock here, hence the loop."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _migrate(connection: sqlite3.Connection) -> None:
    with transaction(connection):
        # Read again: another process may have migrated it meanwhile.
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        for number, script in enumerate(MIGRATIONS[version:], start=version + 1):
            for statement in _statements(script):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {number:d}")


def _statements(script: str) -> Iterator[str]:
    """One statement at a time: `executescript` would commit the transaction first."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _move_aside(path: Path) -> Path:
    stamp = time.strftime("%Y%m%d-%H%M%S")
    aside = path.with_name(f"{path.name}.damaged-{stamp}")
    number = 1
    while aside.exists():
        aside = path.with_name(f"{path.name}.damaged-{stamp}-{number}")
        number += 1
    for suffix in ("-wal", "-shm"):
        companion = path.with_name(path.name + suffix)
        if companion.exists():
            companion.replace(aside.with_name(aside.name + suffix))
    path.replace(aside)
    suspect(path).unlink(missing_ok=True)
    return aside
