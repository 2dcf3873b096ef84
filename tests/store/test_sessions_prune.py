"""`mull sessions prune`: which sessions go, who is asked, and what is left after an interruption."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest

from mull.commands._age import moment_before
from mull.errors import UsageError
from mull.events import Done, ReasoningReport, Timing, Usage
from mull.store.sessions import Store, open_store
from tests.conftest import Run
from tests.waiting import wait_for

if sys.platform != "win32":
    from tests.terminal.harness import Terminal

DAY = 86_400.0
SECRET = "xylophonequux"
REPORT = ReasoningReport("on", "on", "template")


def session(store: Store, question: str, days: float, name: str | None = None) -> str:
    """A session that was last used so many days ago."""
    made = store.start(model="pebble", name=name)
    done = Done("pebble", f"About {question}.", "Hm.", REPORT, "stop", Usage(9, 0, 2, 3), Timing())
    store.finish(store.begin_turn(made.id, question, model="pebble"), done)
    with closing(sqlite3.connect(store.path or "")) as database, database:
        database.execute("UPDATE sessions SET updated = ? WHERE id = ?", (time.time() - days * DAY, made.id))
    return made.id


@pytest.fixture
def path(home: dict[str, str]) -> Path:
    """A store of a young, two old and an old named session."""
    path = Path(home["MULL_STATE_DIR"]) / "sessions.db"
    with open_store(path) as store:
        session(store, "young", 3)
        session(store, "old", 100)
        session(store, f"ancient {SECRET}", 500)
        session(store, "kept", 500, name="work")
    return path


def titles(path: Path) -> set[str]:
    with open_store(path) as store:
        return {one.title for one in store.sessions()}


def test_old_sessions_go_named_ones_stay(mull: Run, path: Path) -> None:
    listed = mull("sessions", "prune", "--older", "90d", "--dry-run")
    assert listed.returncode == 0
    assert [line.split("\t")[1] for line in listed.stdout.decode().splitlines()] == [
        f"ancient {SECRET}",
        "old",
    ]
    assert b"Nothing was removed" in listed.stderr
    assert b"1 session of that age has a name and stays" in listed.stderr
    assert len(titles(path)) == 4
    done = mull("sessions", "prune", "--older", "90d", "--yes")
    assert (done.returncode, done.stdout) == (0, b"")
    assert b"Removed 2 sessions with 2 turns" in done.stderr
    assert titles(path) == {"young", "work"}
    assert (
        b"Removed 1 session with 1 turn" in mull("sessions", "prune", "--older", "1y", "--named", "-y").stderr
    )
    again = mull("sessions", "prune", "--older", "1y", "--named", "-y")
    assert (again.returncode, b"Nothing to remove: no session" in again.stderr) == (0, True)
    piped = mull("sessions", "prune", "--older", "1y", "--named")
    assert (piped.returncode, piped.stdout, piped.stderr) == (0, b"", again.stderr)
    asked = mull("sessions", "prune", "--older", "1y", "--named", "--json")
    assert (asked.returncode, json.loads(asked.stdout)["sessions"]) == (0, [])
    assert titles(path) == {"young"}


def test_no_trace_of_the_text_is_left_on_the_disk(mull: Run, path: Path) -> None:
    assert SECRET.encode() in path.read_bytes()
    assert mull("sessions", "prune", "--older", "1y", "--yes").returncode == 0
    for file in path.parent.glob("sessions.db*"):
        assert SECRET.encode() not in file.read_bytes()


def test_a_removed_session_leaves_no_text_even_while_another_process_reads(mull: Run, path: Path) -> None:
    """Not in the database, its log, or its index; a reader's transaction keeps the log until it ends."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN")
        other.execute("SELECT count(*) FROM sessions").fetchone()
        title = next(title for title in titles(path) if SECRET in title)
        assert mull("sessions", "rm", title).returncode == 0
        other.execute("COMMIT")
    assert mull("sessions", "rm", "young").returncode == 0
    for file in path.parent.glob("sessions.db*"):
        assert SECRET.encode() not in file.read_bytes()


def test_json_needs_an_answer_beforehand(mull: Run, path: Path) -> None:
    dry = json.loads(mull("sessions", "prune", "--older", "90d", "--dry-run", "--json").stdout)
    assert ([one["title"] for one in dry["sessions"]], dry["dry_run"]) == ([f"ancient {SECRET}", "old"], True)
    refused = mull("sessions", "prune", "--older", "90d", "--json")
    assert refused.returncode == 2
    assert json.loads(refused.stdout)["error"]["code"] == "usage_error"
    assert len(titles(path)) == 4
    done = json.loads(mull("sessions", "prune", "--older", "90d", "--yes", "--json").stdout)
    assert (len(done["sessions"]), done["dry_run"], done["freed"] >= 0) == (2, False, True)
    assert titles(path) == {"young", "work"}


def test_a_pipe_removes_nothing_without_yes(mull: Run, path: Path) -> None:
    refused = mull("sessions", "prune", "--older", "90d")
    assert (refused.returncode, refused.stdout) == (2, b"")
    assert b"--yes removes" in refused.stderr
    assert len(titles(path)) == 4


@pytest.mark.parametrize(
    ("age", "why"),
    [
        ("90", "is not an age"),
        ("-5d", "is not an age"),
        ("", "is not an age"),
        ("1.5y", "is not an age"),
        ("５d", "is not an age"),
        ("12345678901d", "is not an age"),
        ("2026-13-01", "is not an age"),
        ("3 fortnights", "no unit"),
        ("5m", "minutes or months"),
        ("0d", "not in the past"),
        ("9999-12-31", "not in the past"),
        ("999999999d", "further back"),
        ("999999999y", "further back"),
    ],
)
def test_what_is_no_age_is_refused(mull: Run, path: Path, age: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        moment_before(age, time.time())
    if age in {"-5d", "5m"}:  # through the command, too
        refused = mull("sessions", "prune", "--yes", "--older", age)
        assert (refused.returncode, why in refused.stderr.decode()) == (2, True)
        assert len(titles(path)) == 4


@pytest.mark.parametrize(
    ("age", "then"),
    [
        ("90d", "2026-03-02 12:00"),
        ("2 weeks", "2026-05-17 12:00"),
        ("90min", "2026-05-31 10:30"),
        ("3mo", "2026-02-28 12:00"),  # there is no 31st of February
        ("1 month", "2026-04-30 12:00"),
        ("2Y", "2024-05-31 12:00"),
        ("17mo", "2024-12-31 12:00"),
        ("2026-01-31", "2026-01-31 00:00"),
        ("2026-01-31T08:15", "2026-01-31 08:15"),
    ],
)
def test_ages_follow_the_calendar(age: str, then: str) -> None:
    now = datetime(2026, 5, 31, 12)
    assert datetime.fromtimestamp(moment_before(age, now.timestamp())) == datetime.fromisoformat(then)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX pseudo-terminal")
def test_a_terminal_asks_and_what_was_used_meanwhile_stays(home: dict[str, str], path: Path) -> None:
    command = [sys.executable, "-m", "mull", "sessions", "prune", "--older", "90d"]
    with Terminal(command, environ=home) as terminal:
        terminal.wait("Remove 2 sessions with 2 turns?")
        assert "16 months ago" in terminal.text
        terminal.press("n\r")
        assert terminal.exit() == 1
    assert len(titles(path)) == 4
    with Terminal(command, environ=home) as terminal:
        terminal.wait("Remove 2 sessions with 2 turns?")
        with open_store(path) as store:
            store.begin_turn(store.find("old").id, "one more")
        terminal.press("y\r")
        assert terminal.exit() == 0
    assert titles(path) == {"young", "work", "old"}


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_a_prune_that_is_killed_leaves_whole_sessions(home: dict[str, str], path: Path) -> None:
    with open_store(path) as store:
        sample = store.session(store.find("old").id)
        turns = store.turns(sample.id)
        for _ in range(400):
            store.insert(sample, turns)
    process = subprocess.Popen(
        [sys.executable, "-m", "mull", "sessions", "prune", "--older", "90d", "-y"],
        env=home,
        stderr=subprocess.DEVNULL,
    )
    with closing(sqlite3.connect(path)) as database:
        wait_for(lambda: database.execute("SELECT count(*) FROM sessions").fetchone()[0] < 404, "a removal")
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert database.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        database.execute("INSERT INTO words (words) VALUES ('integrity-check')")
        orphans = "SELECT count(*) FROM turns WHERE session NOT IN (SELECT id FROM sessions)"
        assert database.execute(orphans).fetchone()[0] == 0
        counts = "SELECT count(*) FROM sessions WHERE turns <> (SELECT count(*) FROM turns WHERE session = sessions.id)"
        assert database.execute(counts).fetchone()[0] == 0


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_a_store_that_can_only_be_read_is_named(mull: Run, path: Path) -> None:
    path.chmod(0o400)
    path.parent.chmod(0o500)
    try:
        dry = mull("sessions", "prune", "--older", "90d", "--dry-run")
        done = mull("sessions", "prune", "--older", "90d", "--yes")
    finally:
        path.parent.chmod(0o700)
    assert dry.returncode == 0
    assert done.returncode in {0, 1}  # root may write anyway
    if done.returncode:
        assert b"cannot be saved" in done.stderr
        assert len(titles(path)) == 4
    assert b"Traceback" not in dry.stderr + done.stderr
