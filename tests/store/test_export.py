"""Exports: JSON round-trips, HTML is escaped, Markdown folds the thinking."""

from __future__ import annotations

import dataclasses
import html.parser
import json
from pathlib import Path

import pytest

from mull.errors import MullError
from mull.events import Done, Finish, ReasoningReport, Timing, Usage
from mull.store import export
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


class Page(html.parser.HTMLParser):
    """The tags of a page, the text inside <details>, and whether all tags are closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.folded: list[str] = []
        self.attributes: set[str] = set()
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "details" in self.open:
            self.folded.append(data)


def test_html_is_escaped_and_self_contained() -> None:
    session, turns = conversation(NASTY)
    page = Page(export.to_html(session, turns))
    assert page.open == []
    assert set(page.tags) <= {
        *(
            "html",
            "meta",
            "title",
            "style",
            "header",
            "h1",
            "p",
            "section",
            "div",
            "details",
            "summary",
            "pre",
            "code",
        )
    }
    assert page.attributes <= {"lang", "charset", "name", "content", "class"}
    assert NASTY in page.folded
    assert "Thought for 2.0 s · 12 tokens" in page.folded


def test_html_has_boxes_for_code() -> None:
    session, (turn, *_) = conversation("before\n```python\nif a < b:\n    pass\n```\nafter")
    text = export.to_html(session, [turn])
    assert "<pre><code>if a &lt; b:\n    pass</code></pre>" in text
    assert '<div class="answer">after</div>' in text


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
        free = export.free_path(path)
        assert free.name == expected
        export.write_export(free, "text\n")
    export.write_export(path, "new\n")
    assert sorted(file.read_text() for file in tmp_path.iterdir()) == ["new\n", "text\n", "text\n"]
    with pytest.raises(OSError, match="o"):
        export.write_export(tmp_path / "nowhere" / "x.md", "text")
