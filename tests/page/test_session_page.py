"""The page of a session as a parser reads it: everything is there, escaped, and nothing of it runs or loads."""

from __future__ import annotations

import html.parser
import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mull.events import Done, Finish, ReasoningReport, Timing, Usage
from mull.page.markdown_html import to_html
from mull.page.session_page import session_page
from mull.store.records import Attachment, Session, TurnRecord
from mull.store.sessions import open_store
from mull.terminal.console.sanitize import visible
from tests.page.samples import HOSTILE, PLAIN

TAGS = {
    *("html", "head", "meta", "title", "style", "body", "header", "main", "nav", "article", "section", "div"),
    *("details", "summary", "h1", "h3", "h4", "h5", "h6", "p", "ul", "ol", "li", "blockquote", "hr", "br"),
    *("pre", "code", "span", "a", "em", "strong", "s", "table", "thead", "tbody", "tr", "th", "td"),
}
ATTRIBUTES = {
    "lang",
    "charset",
    "name",
    "content",
    "http-equiv",
    "id",
    "class",
    "dir",
    "aria-label",
    "href",
    "rel",
}
ATTRIBUTES |= {"start"}
VOID = {"meta", "hr", "br"}


class Page(html.parser.HTMLParser):
    """The tags and attributes of a page, its text, and its text within folded parts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = self.folded = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)
        if tag == "br":
            self.text += "\n"

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"style", "title"} & set(self.open):
            self.text += data
            self.folded += data if "details" in self.open else ""

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)

    def check(self) -> None:
        """Nothing that could run, load or hide."""
        assert self.tags <= TAGS
        assert {name for name, _ in self.attributes} <= ATTRIBUTES
        for name, value in self.attributes:
            if name == "href":
                assert re.match(r"https?://|ftp://|mailto:|#turn-\d+$", value, re.IGNORECASE)
        assert not re.search("[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", self.text)


def conversation(text: str, finish: Finish = "stop") -> tuple[Session, list[TurnRecord]]:
    with open_store(None) as store:
        session = store.start(model=text[:50] or "pebble", system=text)
        for number in range(4):
            turn = store.begin_turn(session.id, text, files=[Attachment(text, text)] if number else [])
            report = ReasoningReport("on", "on", "template")
            usage = Usage(5, 0, 12, 34)
            store.finish(turn, Done("pebble", text, text, report, finish, usage, Timing(thinking=72.4)))
        return store.session(session.id), store.branch(session.id)


@pytest.mark.parametrize("text", [HOSTILE, PLAIN])
def test_all_of_a_conversation_is_there_and_none_of_it_runs(text: str) -> None:
    session, turns = conversation(text)
    written = session_page(session, turns)
    page = Page(written)
    page.check()
    assert page.text.count("Thought for 1 min 12 s · 12 tokens") == 4
    assert visible(text).strip() in page.text  # questions and files, as they are
    assert visible(text) in page.folded
    for token in re.findall(r"alert\(\d\)", text):
        assert token in page.text
    assert "default-src 'none'" in written
    assert "http" not in re.sub(r"(?s)<body>.*|http-equiv", "", written)


@given(
    st.text(
        alphabet=st.one_of(st.characters(), st.sampled_from("<>&\"'`[]()*_~|-\n #!$\\:/ax1")), max_size=200
    )
)
@settings(max_examples=60)
def test_no_text_breaks_out(text: str) -> None:
    Page(to_html(text)).check()
    session, turns = conversation(text.encode("utf-8", "replace").decode(), "interrupted")
    Page(session_page(session, turns)).check()


def test_markdown_is_rendered() -> None:
    made = to_html(PLAIN)
    page = Page(made)
    assert {"h3", "ol", "ul", "table", "blockquote", "strong", "em", "hr", "s"} <= page.tags
    assert ("href", "https://example.org/a?b=1&c=2") in page.attributes
    assert '<span class="kd">' in made or '<span class="k">' in made
    assert "mc²" in page.text
    assert ("class", "right") in page.attributes
    assert '<ol start="3">' in to_html("3. three\n4. four")
    assert to_html("one\ntwo") == '<p dir="auto">one<br>\ntwo</p>\n'


@pytest.mark.parametrize("sign", ["- ", "> ", "1. "])
def test_what_is_nested_without_end_is_still_there(sign: str) -> None:
    assert "the end" in Page(to_html(sign * 200 + "the end")).text
    deep = "\n".join(" " * 3 * number + f"{sign}a{number}" for number in range(60))
    assert "a59" in Page(to_html(deep)).text


@pytest.mark.parametrize(
    "text",
    [
        "[" * 60_000,
        "**a" * 40_000,
        "> " * 30_000,
        "|a|b|\n|-|-|\n" + "|x|y|\n" * 4000,
        "```perl\n" + "s{" * 20_000,
        "```python\n" + '"' * 60_000,
        "$" * 60_000,
    ],
    ids=["brackets", "stars", "quotes", "table", "perl", "python", "dollars"],
)
def test_the_work_is_bounded(text: str) -> None:
    began = time.process_time()
    to_html(text)
    assert time.process_time() - began < 3


def test_folding_and_endings() -> None:
    with open_store(None) as store:
        session = store.start(model="pebble")
        store.begin_turn(session.id, "\n".join(f"line {n}" for n in range(99)))
        turns = store.branch(session.id)
        page = Page(session_page(store.session(session.id), turns))
    assert "(99 lines)" in page.text
    assert "line 98" in page.folded
    assert "(stopped before its end)" in page.text
    assert "Thought for" not in page.text
    assert "nav" not in page.tags
