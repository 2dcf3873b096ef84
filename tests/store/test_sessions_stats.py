"""`mull sessions stats` and the dates in lists."""

from __future__ import annotations

import json
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from mull.events import Done, Finish, ReasoningReport, Timing, Usage
from mull.store.sessions import open_store
from mull.terminal.console.dates import ago
from tests.conftest import Run

if sys.platform != "win32":
    from tests.terminal.harness import Terminal

REPORT = ReasoningReport("on", "on", "template")
DAY = 86_400.0


@pytest.fixture
def path(home: dict[str, str]) -> Path:
    path = Path(home["MULL_STATE_DIR"]) / "sessions.db"
    answers: list[tuple[str, Finish, Usage]] = [
        ("pebble", "stop", Usage(10, 0, 20, 5)),
        ("pebble", "interrupted", Usage(11, 10, 7, 0)),
        ("smol", "stop", Usage(100, 0, 0, 50)),
    ]
    with open_store(path) as store:
        first = store.start(model="pebble", name="work")
        for model, finish, usage in answers:
            turn = store.begin_turn(first.id, "How do I sort a list of names?", model=model)
            store.finish(turn, Done(model, "So.", "", REPORT, finish, usage, Timing()))
        store.start()
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE sessions SET updated = ? WHERE name = 'work'", (time.time() - 21 * DAY,))
    return path


def test_sessions_turns_and_tokens_are_counted_by_model(mull: Run, path: Path) -> None:
    found = json.loads(mull("sessions", "stats", "--json").stdout)
    assert {name: found[name] for name in ("sessions", "named", "empty", "turns", "cut")} == {
        "sessions": 2,
        "named": 1,
        "empty": 1,
        "turns": 3,
        "cut": 1,
    }
    assert (found["thinking"], found["answer"], found["prompt"]) == (27, 55, 121)
    assert [(one["model"], one["turns"], one["thinking"]) for one in found["models"]] == [
        ("pebble", 2, 27),
        ("smol", 1, 0),
    ]
    assert found["oldest"] <= found["newest"]
    assert found["bytes"] >= path.stat().st_size
    lines = mull("sessions", "stats").stdout.decode().splitlines()
    assert "Turns\t3, 1 without a complete answer" in lines
    assert any(line.startswith("pebble\t2\t27\t5\t21\t") for line in lines)


def test_an_empty_store_and_damaged_rows_count_as_nothing(mull: Run, path: Path) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.execute('UPDATE turns SET details = \'{"usage": {"thinking": 1e999, "answer": -3}}\'')
        database.execute("UPDATE turns SET details = 'no JSON' WHERE model = 'smol'")
        database.execute("UPDATE sessions SET created = 'x', updated = -1e300")
    found = json.loads(mull("sessions", "stats", "--json").stdout)
    assert (found["turns"], found["thinking"], found["answer"], found["oldest"]) == (3, 0, 0, 0.0)
    path.unlink()
    empty = mull("sessions", "stats")
    assert (empty.returncode, empty.stdout) == (0, b"")
    assert b"No conversation has been saved yet." in empty.stderr
    assert json.loads(mull("sessions", "stats", "--json").stdout)["oldest"] is None


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX pseudo-terminal")
@pytest.mark.parametrize("columns", [40, 80, 120])
def test_a_list_says_how_long_ago_and_the_date_where_it_fits(
    home: dict[str, str], path: Path, columns: int
) -> None:
    command = [sys.executable, "-m", "mull", "sessions"]
    with Terminal(command, environ=home, columns=columns) as terminal:
        assert terminal.exit() == 0
        shown = terminal.text
    assert "3 weeks ago" in shown
    date = time.strftime("%Y-%m-%d", time.localtime(time.time() - 21 * DAY))
    assert (date in shown) == (columns >= 80)
    with Terminal([*command, "stats"], environ=home, columns=columns) as terminal:
        assert terminal.exit() == 0
        assert "pebble" in terminal.text


def test_moments_in_words() -> None:
    words = [(5, "just now"), (90, "2 min"), (5400, "2 h"), (1.5 * DAY, "2 days"), (13 * DAY, "13 days")]
    words += [(20 * DAY, "3 weeks"), (70 * DAY, "2 months"), (729 * DAY, "24 months"), (900 * DAY, "2 years")]
    for seconds, said in words:
        assert ago(1e9 - seconds, now=1e9).removesuffix(" ago") == said
    assert ago(1e9 + 3600, now=1e9)[:4] == "2001"  # of a clock that is ahead
