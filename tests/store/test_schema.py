"""Damaged, newer, read-only and full databases. No database is silently emptied."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from mull.errors import MullError
from mull.events import Done, ReasoningReport, Timing, Usage
from mull.store import schema
from mull.store.schema import StoreError
from mull.store.sessions import Store, open_store

DONE = Done("m", "hi " * 2000, "", ReasoningReport("on", "on", ""), "stop", Usage(), Timing())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database with a few sessions, closed."""
    file = tmp_path / "sessions.db"
    with open_store(file) as store:
        for number in range(20):
            store.finish(store.begin_turn(store.start().id, f"question {number}"), DONE)
    return file


def asides(path: Path) -> list[Path]:
    return sorted(path.parent.glob("sessions.db.damaged-*"))


def fill(store: Store, session: str) -> None:
    for _ in range(50):
        store.finish(store.begin_turn(session, "more"), DONE)


@pytest.mark.parametrize("junk", [b"this is no database\n" * 300, b"\0" * 8192])
def test_a_file_that_is_not_a_database_is_moved_aside(path: Path, junk: bytes) -> None:
    path.write_bytes(junk)
    with open_store(path) as store:
        (aside,) = asides(path)
        assert aside.read_bytes() == junk
        assert store.notice is not None
        assert str(aside) in store.notice
        assert store.sessions() == []
        store.start()
    with open_store(path) as store:
        assert store.notice is None
        assert len(store.sessions()) == 1


def test_a_damaged_page_is_detected_and_the_file_moved_aside(path: Path) -> None:
    data = bytearray(path.read_bytes())
    middle = len(data) // 2 // 4096 * 4096
    data[middle : middle + 3 * 4096] = os.urandom(3 * 4096)
    path.write_bytes(data)
    with open_store(path) as store:
        assert store.notice is not None
    (aside,) = asides(path)
    assert aside.read_bytes() == data


def test_damage_that_is_met_later_is_found_when_opening_next(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "QUICK_CHECK_BYTES", 0)  # as in a big database
    data = bytearray(path.read_bytes())
    with sqlite3.connect(path) as db:
        (root,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'turns'").fetchone()
    db.close()
    data[(root - 1) * 4096 : root * 4096] = b"\xff" * 4096
    path.write_bytes(data)
    with open_store(path) as store:
        last = store.last()
        assert last is not None
        with pytest.raises(StoreError) as caught:
            store.turns(last.id)
        assert caught.value.code == "store_damaged"
        assert asides(path) == []
    with open_store(path) as store:
        assert store.notice is not None
    assert len(asides(path)) == 1


def test_a_truncated_database_is_moved_aside(path: Path) -> None:
    data = path.read_bytes()[:-6000]
    path.write_bytes(data)
    with open_store(path) as store:
        assert store.notice is not None
    assert [aside.read_bytes() for aside in asides(path)] == [data]


def test_a_newer_database_is_rejected_unchanged(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    before = path.read_bytes()
    with pytest.raises(StoreError) as caught:
        open_store(path)
    assert caught.value.code == "store_newer"
    assert path.read_bytes() == before
    assert asides(path) == []


def test_a_migration_runs_once_and_preserves_the_data(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    added = "ALTER TABLE sessions ADD COLUMN colour TEXT NOT NULL DEFAULT 'blue';\n"
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, added))
    for _ in range(2):
        connection, notice = schema.open_database(path)
        assert notice is None
        assert connection.execute("SELECT count(*), min(colour) FROM sessions").fetchone()[:] == (20, "blue")
        connection.close()


def test_a_failing_migration_changes_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = "ALTER TABLE sessions ADD COLUMN colour TEXT;\nINSERT INTO nowhere VALUES (1);\n"
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, broken))
    with pytest.raises(StoreError):
        open_store(path)
    monkeypatch.undo()
    with open_store(path) as store:
        assert len(store.sessions()) == 20


def test_a_folder_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("in the way")
    with pytest.raises(StoreError) as caught:
        open_store(blocker / "sessions.db")
    assert caught.value.code == "store_failed"
    assert caught.value.hint
    (tmp_path / "directory.db").mkdir()
    with pytest.raises(StoreError):
        open_store(tmp_path / "directory.db")


def test_a_full_disk_loses_no_earlier_turn(path: Path) -> None:
    with open_store(path) as store:
        session = store.start()
        pages = store._db.execute("PRAGMA page_count").fetchone()[0]
        store._db.execute(f"PRAGMA max_page_count = {pages + 2}")  # SQLite's own full disk
        with pytest.raises(StoreError, match="full"):
            fill(store, session.id)
        kept = len(store.turns(session.id))
    with open_store(path) as store:
        assert store.notice is None
        assert len(store.turns(session.id)) == kept
        assert len(store.sessions()) == 21


def test_every_store_error_is_a_sentence_and_a_hint() -> None:
    error = schema.store_error(OSError(28, "No space left on device"), Path("/somewhere/sessions.db"))
    assert isinstance(error, MullError)
    assert error.message == "Sessions cannot be saved in /somewhere/sessions.db: No space left on device."
    assert error.hint


def refuse(_path: Path) -> None:
    raise OSError(errno.EROFS, os.strerror(errno.EROFS))


@pytest.mark.parametrize("closed", [True, False])
def test_a_database_that_cannot_be_written_is_read(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, closed: bool
) -> None:
    """Also one whose last process was killed, with turns in the write-ahead log alone."""
    with open_store(path) as store:
        store.finish(store.begin_turn(store.start(name="last").id, "the last question"), DONE)
        if not closed:
            copy = tmp_path / "killed" / "sessions.db"
            copy.parent.mkdir()
            for suffix in ("", "-wal"):
                shutil.copy(path.with_name(path.name + suffix), copy.with_name(copy.name + suffix))
            path = copy
    monkeypatch.setattr(schema, "make_private", refuse)
    with open_store(path) as store:
        assert [turn.question for turn in store.branch(store.find("last").id)] == ["the last question"]
        assert store.search("last")
        with pytest.raises(StoreError):
            store.start()
    monkeypatch.undo()
    with open_store(path) as store:
        assert len(store.sessions()) == 21


def test_processes_that_find_damage_at_once_lose_nothing(path: Path) -> None:
    path.write_bytes(b"this is no database\n" * 300)
    script = (
        "import sys; from pathlib import Path; from mull.store.sessions import open_store\n"
        "with open_store(Path(sys.argv[1])) as store: store.begin_turn(store.start().id, 'hi')"
    )
    running = [subprocess.Popen([sys.executable, "-c", script, path]) for _ in range(4)]
    assert [process.wait() for process in running] == [0] * 4
    assert len(asides(path)) == 1
    with open_store(path) as store:
        assert len(store.sessions()) == 4
