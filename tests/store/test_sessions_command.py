"""`mull sessions` in a shell and on a terminal."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from mull.events import Done, ReasoningReport, Timing, Usage
from mull.store.sessions import open_store
from tests.conftest import Run

if sys.platform != "win32":
    from tests.terminal.harness import Terminal

DONE = Done(
    "pebble",
    "There are **three**.\x1b[31m",
    "s-t-r-a-w-b-e-r-r-y",
    ReasoningReport("on", "on", "template"),
    "stop",
    Usage(10, 0, 20, 5),
    Timing(thinking=1.2),
)


@pytest.fixture
def sessions(home: dict[str, str]) -> Path:
    """Two sessions: one about strawberries, and one called "work" whose first question was retried."""
    path = Path(home["MULL_STATE_DIR"]) / "sessions.db"
    with open_store(path) as store:
        first = store.start(model="pebble")
        store.finish(store.begin_turn(first.id, "How many r's are in strawberry?", model="pebble"), DONE)
        second = store.start(model="pebble", name="work")
        store.finish(store.begin_turn(second.id, "hello", model="pebble"), DONE)
        store.finish(store.begin_turn(second.id, "hello again", parent=None, model="pebble"), DONE)
    return path


def test_lists_and_searches(mull: Run, sessions: Path) -> None:
    lines = mull("sessions").stdout.decode().splitlines()
    assert [line.split("\t")[1:4] for line in lines] == [
        ["work", "2", "pebble"],
        ["How many r's are in strawberry?", "1", "pebble"],
    ]
    listed = json.loads(mull("sessions", "list", "--json", "-n", "1").stdout)
    assert listed["v"] == 1
    assert [(one["title"], one["turns"]) for one in listed["sessions"]] == [("work", 2)]
    found = json.loads(mull("sessions", "search", "--json", "strawb").stdout)
    assert [(hit["field"], hit["snippet"]) for hit in found["hits"]] == [
        ("question", "How many r's are in strawberry?")
    ]
    nothing = mull("sessions", "search", "banana")
    assert (nothing.returncode, nothing.stdout) == (1, b"")
    assert b"No match" in nothing.stderr


def test_shows_exports_and_imports(mull: Run, sessions: Path, tmp_path: Path) -> None:
    shown = mull("sessions", "show", "How", "--thinking").stdout.decode()
    assert "> How many r's" in shown
    assert "s-t-r-a-w" in shown
    assert "\x1b[31m" in shown  # in a pipe the model's bytes are unchanged
    assert "<details class=" in mull("sessions", "export", "work", "-f", "html").stdout.decode()
    file = tmp_path / "work.json"
    written = mull("sessions", "export", "work", "-f", "json", "-o", file)
    assert written.returncode == 0
    assert file.stat().st_mode & 0o077 == 0 or sys.platform == "win32"
    copied = mull("sessions", "import", file)
    identity = copied.stdout.decode().strip()
    with open_store(sessions) as store:
        assert [turn.question for turn in store.turns(identity)] == ["hello", "hello again"]
        assert [turn.question for turn in store.branch(identity)] == ["hello again"]
    piped = mull("sessions", "import", "-", stdin=file.read_bytes())
    assert piped.stdout.decode().strip() not in {"", identity}
    refused = mull("sessions", "import", sessions)
    assert (refused.returncode, refused.stdout) == (1, b"")
    assert b"Traceback" not in refused.stderr


@pytest.mark.parametrize("way", ["file", "stdin"])
def test_a_hostile_file_is_refused_as_a_whole(mull: Run, sessions: Path, tmp_path: Path, way: str) -> None:
    before = mull("sessions", "list").stdout
    data = json.loads(mull("sessions", "export", "work", "-f", "json").stdout)
    data["turns"][-1]["started"] = 1e20  # all that comes before it is right
    file = tmp_path / "work.json"
    file.write_text(json.dumps(data))
    if way == "file":
        refused = mull("sessions", "import", file)
    else:
        refused = mull("sessions", "import", "-", stdin=file.read_bytes())
    assert (refused.returncode, refused.stdout) == (1, b"")
    assert b"(at /turns/1/started)" in refused.stderr
    assert mull("sessions", "list").stdout == before


def test_renames_and_removes(mull: Run, sessions: Path) -> None:
    assert mull("sessions", "rename", "How", "berries").returncode == 0
    taken = mull("sessions", "rename", "work", "BERRIES")
    assert taken.returncode == 2
    assert b"is called" in taken.stderr
    assert mull("sessions", "rm", "berries", "work").returncode == 0
    assert mull("sessions", "list").stdout == b""
    missing = mull("sessions", "show", "berries", "--json")
    assert missing.returncode == 1
    assert json.loads(missing.stdout)["error"]["code"] == "unknown_session"


def test_a_damaged_database_is_renamed_and_reported(mull: Run, sessions: Path) -> None:
    sessions.write_bytes(b"junk" * 4000)
    listed = mull("sessions", "list")
    assert listed.returncode == 0
    assert b"was damaged; it was moved to" in listed.stderr
    assert [path.read_bytes()[:4] for path in sessions.parent.glob("*.damaged-*")] == [b"junk"]


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX pseudo-terminal")
def test_a_terminal_gets_no_escape_sequence_and_rm_asks_first(home: dict[str, str], sessions: Path) -> None:
    with open_store(sessions) as store:
        store.update(store.find("work").id, model="evil\x1b]0;x\x07\x9b2J")
    command = [sys.executable, "-m", "mull", "sessions"]
    with Terminal([*command, "show", "work"], environ=home) as terminal:
        assert terminal.exit() == 0
        assert "evil␛]0;x␇\\x9b2J" in terminal.text
        assert "There are three.␛[31m" in terminal.text
    with Terminal([*command, "rm", "work"], environ=home) as terminal:
        terminal.wait("Remove")
        terminal.press("n\r")
        assert terminal.exit() == 1
    with Terminal([*command, "rm", "work"], environ=home) as terminal:
        terminal.wait("Remove")
        terminal.press("y\r")
        assert terminal.exit() == 0
    with open_store(sessions) as store:
        assert [session.title for session in store.sessions()] == ["How many r's are in strawberry?"]


@pytest.mark.parametrize(
    "command",
    [
        "list",
        "show abc",
        "search green",
        "export abc --format md",
        "export abc --format html",
    ],
)
def test_names_in_an_imported_session_have_no_escape_sequence_in_a_pipe(
    mull: Run, tmp_path: Path, command: str
) -> None:
    """A pipe gets the texts of a conversation as they are; titles and names of models and files are shown safely."""
    evil = "evil\x1b]0;x\x07\x9b2J"
    turn = {
        "id": 1,
        "parent": None,
        "question": "red",
        "answer": "green",
        "model": evil,
        "finish": "stop",
        "files": [{"name": evil, "text": "blue"}],
        "reasoning": {"asked": "on", "applied": "on", "how": evil, "notice": evil},
        "usage": {},
        "timing": {},
    }
    session = {
        "id": "abc",
        "name": evil,
        "auto_title": evil,
        "system": "",
        "model": evil,
        "leaf": 1,
        "created": 1,
        "updated": 1,
        "state": {"model": evil},
    }
    file = tmp_path / "evil.json"
    file.write_text(json.dumps({"v": 1, "format": "mull session", "session": session, "turns": [turn]}))
    assert mull("sessions", "import", file).returncode == 0
    done = mull("sessions", *command.split())
    assert done.returncode == 0, done.stderr
    assert b"evil" in done.stdout
    assert not set("\x1b\x07\x9b") & set((done.stdout + done.stderr).decode())
