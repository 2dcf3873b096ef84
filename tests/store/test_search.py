"""Full-text search for every word of any query, anywhere in a turn, with a snippet."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mull.events import Done, ReasoningReport, Timing, Usage
from mull.store.search import CLOSE, OPEN
from mull.store.sessions import Store, open_store


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    turns = [
        ("How do I tie a bowline?", "A bowline is a knot for a loop.", "The rabbit comes out of the hole."),
        ("Und ein Palstek?", "Das ist derselbe Knoten, für Übungen gut.", ""),
        ("用中文回答", "今天天气很好", "用户要中文"),
        ("100% of_what!", "x" * 500 + " needle " + "y" * 500, ""),
    ]
    with open_store(None) as opened:
        session = opened.start()
        for question, answer, thinking in turns:
            turn = opened.begin_turn(session.id, question)
            report = ReasoningReport("on", "on", "")
            opened.finish(turn, Done("m", answer, thinking, report, "stop", Usage(), Timing()))
        yield opened


@pytest.mark.parametrize(
    ("query", "field", "turn"),
    [
        ("knot loop", "answer", 1),
        ("rabbit", "thinking", 1),
        ("TIE", "question", 1),
        ("bowl", "answer", 1),
        ('"comes out"', "thinking", 1),
        ("ubungen", "answer", 2),
        ("天气", "answer", 3),
        ("100%", "question", 4),
        ("needle", "answer", 4),
    ],
)
def test_finds(store: Store, query: str, field: str, turn: int) -> None:
    (hit,) = store.search(query)
    assert (hit.field, hit.turn, hit.title) == (field, turn, "How do I tie a bowline?")
    assert OPEN in hit.snippet
    assert CLOSE in hit.snippet
    assert len(hit.snippet) < 300


def test_the_newest_first_and_no_more_than_asked(store: Store) -> None:
    assert [hit.turn for hit in store.search("knot*")] == [2, 1] or [
        hit.turn for hit in store.search("kno")
    ] == [2, 1]
    assert [hit.turn for hit in store.search("kno", limit=1)] == [2]


@pytest.mark.parametrize("query", ["", "   ", '"', '""', "rabbit AND zebra", "NOT rabbit", "bowline zebra"])
def test_what_is_not_there_is_not_found(store: Store, query: str) -> None:
    assert store.search(query) == []


@given(st.text(max_size=30))
@settings(max_examples=300, deadline=None)
def test_no_query_is_an_error(query: str) -> None:
    with open_store(None) as store:
        assert store.search(query) == []
