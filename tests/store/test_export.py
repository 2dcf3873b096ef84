"""Exports: JSON round-trips, HTML is escaped, Markdown folds the thinking."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import random
import sqlite3
import time
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from mull.commands._session_text import exported, time_text
from mull.errors import MullError
from mull.events import Done, Finish, ReasoningReport, Timing, Usage
from mull.store import export, session_file
from mull.store.fast_schema import compiled
from mull.store.records import Attachment, Session, TurnRecord
from mull.store.sessions import open_store

NASTY = '</div></pre><script>alert("1")</script><img src=x onerror=y> & <details open>'


def conversation(text: str) -> tuple[Session, list[TurnRecord]]:
    endings: list[Finish] = ["stop", "interrupted", "stop"]
    with open_store(None) as store:
        session = store.start(model="pebble", system=text, name=text[:40], state={"start": 1})
        for finish in endings:
            turn = store.begin_turn(session.id, text, files=[Attachment(text, text)], settings={"seed": 3})
            report = ReasoningReport("low", "on", "budget", "a notice")
            usage = Usage(prompt=5, thinking=12)
            store.finish(
                turn, Done("pebble", text, text, report, finish, usage, Timing(thinking=2.0), limit="context")
            )
        first = store.branch(session.id)[0]
        again = store.begin_turn(session.id, "another way", parent=first.id)
        store.partial(again, "lost", "")
        return store.session(session.id), store.turns(session.id)


@pytest.mark.parametrize("text", ["plain", NASTY, "日本語 😀\n```python\nx = 1\n```\n", "~~~\n````\n"])
def test_json_round_trips(text: str) -> None:
    session, turns = conversation(text)
    read, read_turns = export.from_json(export.to_json(session, turns))
    assert read == session
    assert read_turns == turns
    with open_store(None) as store:
        copy = store.insert(read, read_turns)
        assert copy == session
        kept = store.turns(copy.id)
        assert [turn.question for turn in store.branch(copy.id)] == [text, "another way"]
        expected = [dataclasses.replace(turn, id=kept[number].id) for number, turn in enumerate(turns)]
        lost = dataclasses.replace(expected[-1], finish="interrupted", limit=None)
        assert kept == [*expected[:-1], lost]
        second = store.insert(read, read_turns)  # once more beside the first: a new id, no second name
        assert second.id != copy.id
        assert second.name is None
        assert second.title == copy.title
        assert len(store.branch(second.id)) == 2
        assert store.search("another")[0].session == second.id


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "null",
        '{"format": "mull session", "v": 99, "session": {}, "turns": []}',
        '{"format": "mull session", "v": 1, "session": {"id": "x"}, "turns": []}',
        '{"format": "mull session", "v": 1, "session": {}, "turns": [{"id": 1}]}',
        '{"format": "mull session", "v": 1, "session": {}, "turns": {"a": 1}}',
        "[" * 100_000,
    ],
)
def test_anything_else_is_rejected(text: str) -> None:
    with pytest.raises(MullError) as caught:
        export.from_json(text)
    assert caught.value.code == "invalid_session_file"
    assert caught.value.hint


def test_a_later_version_may_add_fields() -> None:
    session, turns = conversation("hello")
    data = json.loads(export.to_json(session, turns))
    data["session"]["colour"] = "blue"
    data["turns"][0]["mood"] = "good"
    data["turns"][0]["usage"]["drafts"] = 3
    assert export.from_json(json.dumps(data)) == (session, turns)


def test_markdown_folds_thinking_and_escapes_fences() -> None:
    session, turns = conversation("say\n```\ncode\n```")
    text = export.to_markdown(session, turns[:2])
    assert (
        "<details><summary>Thought for 2.0 s · 12 tokens</summary>\n\n````text\nsay\n```\ncode\n```\n````"
        in text
    )
    assert "*(stopped before its end)*" in text
    assert text.count("<details>") == text.count("</details>") == 2


@pytest.mark.parametrize(
    ("part", "name", "value"),
    [
        ("session", "created", "today"),
        ("session", "name", 7),
        ("session", "state", []),
        ("turn", "question", None),
        ("turn", "started", None),
        ("turn", "files", [{"name": "x", "text": 3}]),
    ],
)
def test_a_value_of_the_wrong_type_is_rejected(part: str, name: str, value: object) -> None:
    session, turns = conversation("hello")
    data = json.loads(export.to_json(session, turns))
    (data["session"] if part == "session" else data["turns"][0])[name] = value
    with pytest.raises(MullError, match="not an exported session"):
        export.from_json(json.dumps(data))


def test_exports_are_atomic_and_overwrite_nothing_by_default(tmp_path: Path) -> None:
    session, _ = conversation("What's up, Doc?")
    path = tmp_path / export.file_name(session, "md")
    assert path.name == "mull-what-s-up-doc.md"
    for expected in ("mull-what-s-up-doc.md", "mull-what-s-up-doc-2.md", "mull-what-s-up-doc-3.md"):
        assert export.write_free(path, "text\n").name == expected
    (tmp_path / "mull-what-s-up-doc-4.md").symlink_to("nowhere-yet")
    assert export.write_free(path, "text\n").name == "mull-what-s-up-doc-5.md"
    assert not (tmp_path / "nowhere-yet").exists()
    (tmp_path / "mull-what-s-up-doc-4.md").unlink()
    (tmp_path / "mull-what-s-up-doc-5.md").unlink()
    export.write_export(path, "new\n", replace=True, hint="")
    assert sorted(file.read_text() for file in tmp_path.iterdir()) == ["new\n", "text\n", "text\n"]
    with pytest.raises(MullError, match="nowhere"):
        export.write_export(tmp_path / "nowhere" / "x.md", "text", replace=True, hint="")


def hostile(place: str, value: object) -> str:
    """An export with one value replaced; `place` is a path like `turns/0/usage/prompt`."""
    session, turns = conversation("hello")
    data = json.loads(export.to_json(session, turns))
    part, *steps = place.split("/")
    at: Any = data
    for step in steps:
        at = at[int(part) if isinstance(at, list) else part]
        part = step
    at[int(part) if isinstance(at, list) else part] = value
    return json.dumps(data)


def nested(levels: int) -> object:
    value: object = 1
    for _ in range(levels):
        value = {"a": value}
    return value


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("session/updated", 1e20),
        ("session/updated", -1e20),
        ("session/created", True),
        ("session/created", float("nan")),
        ("turns/0/started", float("inf")),
        ("turns/0/ended", "yesterday"),
        ("session/id", ""),
        ("session/id", "a\n"),
        ("session/id", "../x"),
        ("session/id", "-y"),
        ("session/id", "x" * 1000),
        ("session/auto_title", ["t"]),
        ("session/auto_title", "t" * 100_000),
        ("session/leaf", "1"),
        ("session/leaf", 77),
        ("session/leaf", [1]),
        ("session/state", {"summary": 1}),
        ("session/state", {"model": {}}),
        ("turns/1/id", 1),
        ("turns/1/id", 2.0),
        ("turns/1/id", 1 << 63),
        ("turns/1/id", -2),
        ("turns/1/parent", 2),
        ("turns/0/parent", 3),
        ("turns/0/finish", {}),
        ("turns/0/finish", "exploded"),
        ("turns/0/limit", 7),
        ("turns/0/model", None),
        ("turns/0/settings", None),
        ("turns/0/reasoning", {"asked": "on"}),
        ("turns/0/reasoning", {"asked": 1, "applied": [], "how": None}),
        ("turns/0/usage", {"prompt": "many"}),
        ("turns/0/usage/thinking", 1.5),
        ("turns/0/timing/thinking", "long"),
        ("turns/0/timing/thinking", 1e300),
        ("turns/0/files", [[]]),
        ("turns", [None]),
    ],
)
def test_the_place_of_a_fault_is_named(place: str, value: object) -> None:
    with pytest.raises(MullError) as caught:
        export.from_json(hostile(place, value))
    assert caught.value.code == "invalid_session_file"
    assert f"(at /{place}" in caught.value.message
    assert len(caught.value.message) < 300


@pytest.mark.parametrize(
    "text",
    [
        "[" * 10_000_000,
        '{"a":' * 5_000_000,
        "[" + "1," * 5_000_000 + "1]",
        '"' + '\\"' * 5_000_000,
        '"' * 5_000_001,
        '{"v": ' + "9" * 5000 + "}",
        '{"v": 1e999}',
        " " * (session_file.LONGEST + 1),
        "\ufeff{}",
        "\ud800",
    ],
    ids=["lists", "objects", "values", "escapes", "quotes", "digits", "exponent", "long", "bom", "surrogate"],
)
def test_what_would_take_long_or_much_memory_is_refused_first(text: str) -> None:
    began = time.process_time()
    with pytest.raises(MullError, match="not an exported session"):
        export.from_json(text)
    assert time.process_time() - began < 10  # seconds of a slow machine


def many_turns(count: int) -> str:
    """An export with this many turns, as one chat would make it."""
    session, (turn, *_) = conversation("a question")
    turns = [dataclasses.replace(turn, id=number + 1, parent=number or None) for number in range(count)]
    return export.to_json(dataclasses.replace(session, leaf=count, turns=count), turns)


def import_seconds(text: str) -> float:
    """The processor time of one import."""
    begun = time.process_time()
    session, turns = export.from_json(text)
    with open_store(None) as store:
        store.insert(session, turns)
    return time.process_time() - begun


def test_an_import_takes_time_in_proportion_to_the_turns() -> None:
    short, long = many_turns(250), many_turns(4000)
    import_seconds(short)  # compiles the schema
    assert import_seconds(long) < 16 * 6 * min(import_seconds(short) for _ in range(3))  # squared: 256 times


def changed(value: Any, chance: random.Random) -> Any:
    """A copy with one value, somewhere, replaced by another or removed."""
    odd = [None, True, 1, 1.0, -1, 10**17, 0.5, "", "default", "x" * 50, [], {}, {"id": 1}, [1, "a"]]
    if isinstance(value, dict | list) and value and chance.random() < 0.9:
        copy: Any = value.copy()
        key = chance.choice(list(copy) if isinstance(copy, dict) else range(len(copy)))
        if chance.random() < 0.1:
            del copy[key]
        else:
            copy[key] = changed(copy[key], chance)
        return copy
    return chance.choice(odd)


def test_the_fast_check_agrees_with_the_library_on_whatever_stands_anywhere() -> None:
    chance, data = random.Random(5), json.loads(many_turns(2))
    schema = json.loads(session_file.schema_path().read_text(encoding="utf-8"))
    kinds = Draft202012Validator.TYPE_CHECKER.redefine("integer", lambda _, value: type(value) is int)
    library: Any = jsonschema.validators.extend(Draft202012Validator, type_checker=kinds)(schema)  # type: ignore[no-untyped-call]
    fast, found = compiled(schema), set()
    for _ in range(600):
        value = changed(data, chance)
        assert fast(value) == library.is_valid(value), value
        found.add(fast(value))
    assert found == {True, False}
    assert fast(data)


def test_half_surrogate_pairs_become_the_replacement_character() -> None:
    session, turns = export.from_json(hostile("turns/0/files/0/name", "\ud800.txt"))
    assert turns[0].files[0].name == "\ufffd.txt"
    session, _ = export.from_json(hostile("session/state", {"\udfff": ["\ud800"]}))
    assert session.state == {"\ufffd": ["\ufffd"]}


def test_an_import_replaces_nothing_and_keeps_what_it_refers_to() -> None:
    session, turns = export.from_json(
        hostile("session/state", {"behind": 2, "summary": "so far", "model": "m"})
    )
    with open_store(None) as store:
        store.start(name=session.id)
        for _ in range(2):
            copy = store.insert(dataclasses.replace(session, name=session.name and "x" * 500), turns)
            assert copy.id != session.id
            assert copy.name is None
            assert copy.state["behind"] == store.turns(copy.id)[1].id


@pytest.mark.parametrize("levels", [3, 90, 900, 50_000])
@pytest.mark.parametrize("when", [1e20, -1e20, "never", None])
def test_what_an_old_import_left_in_the_database_is_shown(tmp_path: Path, levels: int, when: object) -> None:
    with open_store(tmp_path / "x.db") as store:
        session = store.start(name="x")
        turn = store.begin_turn(session.id, "what")
    deep = '{"a":' * levels + "1" + "}" * levels
    details = json.dumps(
        {"usage": {"prompt": "x", "thinking": -1, "new": 1}, "timing": [], "reasoning": {"how": 1}}
    )
    with contextlib.closing(sqlite3.connect(tmp_path / "x.db")) as db, db:
        db.execute("UPDATE sessions SET state = ?", (deep,))
        if when is not None:
            db.execute("UPDATE sessions SET updated = ?, created = ?", (when, when))
            db.execute("UPDATE turns SET started = ?, ended = ?", (when, when))
        db.execute("UPDATE turns SET details = ?, finish = 'odd', cut = 'odd'", (details,))
    with open_store(tmp_path / "x.db") as store:
        (session,) = store.sessions()
        assert exported(store, session, "json")
        assert exported(store, session, "md")
        assert exported(store, session, "html")
        assert store.turns(session.id)[0].usage == Usage()
        assert store.search("what")[0].turn == turn
        if when is not None:
            assert time_text(session.updated)


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None), max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(data=st.data(), value=JUNK)
@settings(max_examples=60, deadline=None)
def test_whatever_stands_anywhere_is_refused_or_imported_exported_and_listed(
    data: st.DataObject, value: object
) -> None:
    session, turns = conversation("hello")
    document = json.loads(export.to_json(session, turns))
    part: Any = document[data.draw(st.sampled_from(["session", "turns"]))]
    while True:
        keys = range(len(part)) if isinstance(part, list) else sorted(part)
        key = data.draw(st.sampled_from(keys))
        if not isinstance(part[key], list | dict) or not part[key] or data.draw(st.booleans()):
            break
        part = part[key]
    part[key] = value
    try:
        read, read_turns = export.from_json(json.dumps(document))
    except MullError as error:
        assert "(at /" in error.message  # noqa: PT017 - one of two outcomes
        return
    with open_store(None) as store:
        copy = store.insert(read, read_turns)
        assert time_text(store.sessions()[0].updated)
        assert copy.updated <= time.time()
        text = exported(store, copy, "json")
        assert export.from_json(text) == (copy, store.turns(copy.id))
        assert exported(store, copy, "html").encode()
