"""The store: sessions are saved, found, branched, renamed, removed, and shared between processes."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mull.errors import MullError, UsageError
from mull.events import Done, Finish, ReasoningReport, Timing, Usage
from mull.messages import Message
from mull.store.records import Attachment, session_id, title_of
from mull.store.sessions import Store, open_store

REPORT = ReasoningReport("on", "on", "template: enable_thinking=true")


def done(answer: str, thinking: str = "", finish: Finish = "stop") -> Done:
    return Done(
        model="pebble",
        answer=answer,
        thinking=thinking,
        reasoning=REPORT,
        finish=finish,
        usage=Usage(prompt=41, cached=30, thinking=7, answer=3),
        timing=Timing(load=0.2, thinking=1.5, tokens_per_second=900.0),
    )


def ask(
    store: Store, session: str, question: str, answer: str, thinking: str = "", finish: Finish = "stop"
) -> int:
    turn = store.begin_turn(session, question, model="pebble", settings={"temperature": 0.5})
    store.finish(turn, done(answer, thinking, finish))
    return turn


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "sessions.db"


@pytest.fixture(params=["file", "memory"])
def store(request: pytest.FixtureRequest, path: Path) -> Iterator[Store]:
    with open_store(path if request.param == "file" else None) as opened:
        yield opened


def test_a_turn_round_trips(store: Store) -> None:
    session = store.start(model="pebble", system="Be brief.")
    file = Attachment("notes.txt", "one\ntwo\n")
    turn = store.begin_turn(session.id, "What  is\nthis?", model="pebble", settings={"seed": 7}, files=[file])
    store.finish(turn, done("A list.", "It has lines."))
    (kept,) = store.branch(session.id)
    assert (kept.question, kept.answer, kept.thinking) == ("What  is\nthis?", "A list.", "It has lines.")
    assert kept.reasoning == REPORT
    assert kept.usage == Usage(prompt=41, cached=30, thinking=7, answer=3)
    assert kept.timing.tokens_per_second == 900.0
    assert kept.settings == {"seed": 7}
    assert kept.files == (file,)
    assert not kept.partial
    assert kept.ended is not None
    assert kept.started <= kept.ended
    assert store.session(session.id).title == "What is this?"
    assert store.messages(session.id) == [
        Message("system", "Be brief."),
        Message("user", "--- notes.txt ---\none\ntwo\n--- end of notes.txt ---\n\nWhat  is\nthis?"),
        Message("assistant", "A list.", thinking="It has lines."),
    ]


def test_a_session_survives_closing(path: Path) -> None:
    with open_store(path) as store:
        session = store.start(model="pebble")
        ask(store, session.id, "hello", "hi")
    with open_store(path) as store:
        last = store.last()
        assert last is not None
        assert last.id == session.id
        assert [turn.answer for turn in store.branch(last.id)] == ["hi"]


def test_a_memory_store_writes_nothing_to_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with open_store(None) as store:
        ask(store, store.start().id, "secret", "kept in memory")
        assert not store.saved
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_only_the_owner_can_read_it(path: Path) -> None:
    with open_store(path) as store:
        ask(store, store.start().id, "hello", "hi")
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert "sessions.db-wal" in modes
    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    path.chmod(0o644)
    open_store(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_stopped_answer_is_saved_marked_and_sent_to_the_model(store: Store) -> None:
    session = store.start()
    ask(store, session.id, "count", "1, 2,", finish="interrupted")
    assert store.branch(session.id)[0].partial
    assert store.messages(session.id)[-1] == Message("assistant", "1, 2,", partial=True)


def test_a_name_is_one_line_of_limited_length(store: Store) -> None:
    session = store.start(name=" two\n words ")
    assert session.name == "two words"
    for name in ("", " \n", "x" * 81):
        with pytest.raises(UsageError, match="1 to 80 characters"):
            store.rename(session.id, name)
    assert store.session(session.id).name == "two words"


@pytest.mark.parametrize("finish", ["error", "interrupted"])
def test_a_turn_without_output_is_not_sent_to_the_model(store: Store, finish: Finish) -> None:
    session = store.start()
    ask(store, session.id, "count", "", finish=finish)
    store.begin_turn(session.id, "count again")
    assert len(store.branch(session.id)) == 2
    assert store.messages(session.id) == []


def test_the_partial_answer_of_a_killed_process_is_saved(path: Path) -> None:
    script = f"""
import os, signal, sys
from pathlib import Path
from mull.store.sessions import open_store
store = open_store(Path({str(path)!r}))
turn = store.begin_turn(store.start().id, "count")
store.partial(turn, "1, 2, 3", "counting")
print("ready", flush=True)
sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.kill()
    with open_store(path) as store:
        last = store.last()
        assert last is not None
        (turn,) = store.branch(last.id)
        assert (turn.answer, turn.thinking, turn.finish, turn.partial) == ("1, 2, 3", "counting", None, True)
        assert store.messages(last.id)[-1] == Message("assistant", "1, 2, 3", "counting", partial=True)


def test_a_lost_turn_is_marked_interrupted_and_found_later(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_store(path) as store:
        session = store.start()
        turn = store.begin_turn(session.id, "count")
        store.partial(turn, "eins zwei drei", "")
        assert store.search("zwei") != []  # the plain scan sees it while it is not indexed
        assert store.recover() == 0
        now = time.time()
        monkeypatch.setattr("mull.store.sessions.time.time", lambda: now + 60)
        assert store.recover() == 1
        assert store.branch(session.id)[0].finish == "interrupted"
        store.finish(turn, done("eins zwei drei vier"))  # it was alive after all
        assert store.branch(session.id)[0].answer == "eins zwei drei vier"
        assert store.search("vier")[0].turn == turn


def test_branches_stay(store: Store) -> None:
    session = store.start()
    first = ask(store, session.id, "a joke", "one")
    second = ask(store, session.id, "shorter", "two")
    retried = store.begin_turn(session.id, "shorter", parent=first)
    store.finish(retried, done("three"))
    assert [turn.answer for turn in store.branch(session.id)] == ["one", "three"]
    assert [turn.answer for turn in store.branch(session.id, second)] == ["one", "two"]
    store.move(session.id, first)
    assert [turn.answer for turn in store.branch(session.id)] == ["one"]
    store.move(session.id, None)
    assert store.branch(session.id) == []
    another = store.begin_turn(session.id, "a poem", parent=None)
    assert [turn.id for turn in store.branch(session.id)] == [another]
    assert len(store.turns(session.id)) == 4


def test_a_long_conversation_is_one_branch(store: Store) -> None:
    session = store.start()
    for number in range(1500):
        store.begin_turn(session.id, str(number))
    assert [turn.question for turn in store.branch(session.id)] == [str(number) for number in range(1500)]
    store.remove(session.id)
    assert store.sessions() == []


def test_sessions_are_found_by_id_name_and_unique_beginning(store: Store) -> None:
    first = store.start()
    ask(store, first.id, "Explain monads", "no")
    second = store.start(name="Fix the build")
    assert store.find(first.id.upper()) == store.session(first.id)
    assert store.find("fix the build").id == second.id
    assert store.find("fix").id == second.id
    assert store.find("explain").id == first.id
    with pytest.raises(MullError, match="no session"):
        store.find("banana")
    with pytest.raises(MullError, match="no session"):
        store.find(" ")
    with pytest.raises(UsageError) as caught:
        store.find(first.id[:3])
    assert caught.value.code == "ambiguous_session"
    assert first.id in caught.value.message
    assert second.id in caught.value.message


def test_names_are_unique_and_can_be_removed(store: Store) -> None:
    first, second = store.start(), store.start()
    ask(store, first.id, "hello", "hi")
    store.rename(first.id, "Work")
    assert store.session(first.id).title == "Work"
    for taken in ("work", first.id):
        with pytest.raises(UsageError, match="already"):
            store.rename(second.id, taken)
    store.rename(first.id, None)
    assert store.session(first.id).title == "hello"
    store.rename(second.id, "work")


def test_the_last_used_comes_first(store: Store) -> None:
    first, second = store.start(), store.start()
    ask(store, second.id, "two", "2")
    ask(store, first.id, "one", "1")
    assert [session.id for session in store.sessions()] == [first.id, second.id]
    last = store.last()
    assert last is not None
    assert last.id == first.id
    assert [session.turns for session in store.sessions(limit=1)] == [1]


def test_changes_to_a_session_are_saved(store: Store) -> None:
    session = store.start(model="pebble", state={"start": 3})
    store.update(session.id, system="Be kind.", state={"start": 4})
    changed = store.session(session.id)
    assert (changed.system, changed.model, changed.state) == ("Be kind.", "pebble", {"start": 4})
    store.update(session.id, system="")
    assert store.session(session.id).system == ""
    with pytest.raises(MullError):
        store.update("nowhere", system="x")


def test_a_removed_session_is_not_in_the_search_index(store: Store) -> None:
    session = store.start()
    ask(store, session.id, "hello", "xylophone")
    assert len(store.search("xylophone")) == 1
    store.remove(session.id)
    assert store.search("xylophone") == []
    assert store.sessions() == []


def test_the_end_of_a_turn_of_a_removed_session_is_ignored(path: Path) -> None:
    with open_store(path) as ours, open_store(path) as theirs:
        session = ours.start()
        turn = ours.begin_turn(session.id, "hello")
        theirs.remove(session.id)
        ours.finish(turn, done("hi"))
        assert ours.sessions() == []


def test_ids_are_short_and_sort_by_time() -> None:
    moments = [1_577_836_800.0, 1_600_000_000.0, 1_800_000_000.0, 1_800_000_001.0, 2_600_000_000.0]
    ids = [session_id(moment) for moment in moments]
    assert ids == sorted(ids)
    assert len(set(ids)) == len(ids)
    assert {len(each) for each in ids} == {6}


@pytest.mark.parametrize(
    ("question", "title"),
    [
        ("  Why is\n the sky blue? ", "Why is the sky blue?"),
        ("", ""),
        ("word " * 30, "word word word word word word word word word word word word…"),
        ("x" * 100, "x" * 60 + "…"),
    ],
)
def test_titles(question: str, title: str) -> None:
    assert title_of(question) == title


def test_two_processes_write_at_once(path: Path) -> None:
    script = f"""
import sys
from pathlib import Path
from mull.events import Done, ReasoningReport, Timing, Usage
from mull.store.sessions import open_store
store = open_store(Path({str(path)!r}))
session = store.start()
for number in range(20):
    turn = store.begin_turn(session.id, f"question {{number}}")
    store.partial(turn, "par", "")
    store.finish(turn, Done("m", str(number), "", ReasoningReport("on", "on", ""), "stop", Usage(), Timing()))
print(session.id)
"""
    running = [
        subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    ids = [process.communicate()[0].strip() for process in running]
    assert [process.returncode for process in running] == [0, 0, 0]
    assert len(set(ids)) == 3
    with open_store(path) as store:
        assert store.notice is None
        for identity in ids:
            assert [turn.answer for turn in store.branch(identity)] == [str(number) for number in range(20)]


def test_an_unfinished_turn_is_not_in_the_index(path: Path) -> None:
    with open_store(path) as store:
        turn = store.begin_turn(store.start().id, "hello")
        store.partial(turn, "half", "")
        with sqlite3.connect(path) as other:
            assert other.execute("SELECT count(*) FROM words WHERE words MATCH 'half'").fetchone() == (0,)
        store.finish(turn, done("half and half"))
        with sqlite3.connect(path) as other:
            assert other.execute("SELECT count(*) FROM words WHERE words MATCH 'half'").fetchone() == (1,)
            other.execute("INSERT INTO words (words) VALUES ('integrity-check')")
        other.close()


def test_invalid_utf8_is_saved_as_replacement_characters(store: Store) -> None:
    session = store.start(system="a\udcffb")
    ask(store, session.id, "x\udc80y \0 z", "ok")
    assert [message.content for message in store.messages(session.id)] == ["a\ufffdb", "x\ufffdy \0 z", "ok"]
