"""The JSON contract: exact keys, one object last, and text of any kind."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from mull.control import TurnControl
from mull.errors import ContextOverflow, EngineError
from mull.events import (
    AnswerDelta,
    Done,
    Event,
    Loading,
    Notice,
    PromptProgress,
    ReasoningReport,
    ThinkingDelta,
    Timing,
    Usage,
)
from mull.terminal.console.streams import Streams
from mull.terminal.views.base import ViewOptions
from mull.terminal.views.json_output import dumps, error_object, result_object
from mull.terminal.views.open import open_view

DONE = Done(
    model="pebble",
    answer="3",
    thinking="s t r",
    reasoning=ReasoningReport("on", "on", "template: enable_thinking=true"),
    finish="stop",
    usage=Usage(41, 30, 96, 12),
    timing=Timing(0.21, 0.02, 0.24, 0.11, 0.02, 910.0),
)
EVENTS: tuple[Event, ...] = (
    Loading("pebble", 0.5),
    PromptProgress(41, 41, 30),
    Notice("odd", "One line."),
    ThinkingDelta("s t r", 3),
    AnswerDelta("3", 1),
    DONE,
)


def streams(monkeypatch: pytest.MonkeyPatch) -> Streams:
    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(sys, name, io.StringIO())
    return Streams.detect("auto", {})


def lines(where: Streams) -> list[dict[str, Any]]:
    return [json.loads(line) for line in where.stdout.getvalue().splitlines()]  # type: ignore[attr-defined]


def test_a_result_has_exactly_these_keys() -> None:
    assert result_object(DONE, "8f3a") == {
        "v": 1,
        "model": "pebble",
        "answer": "3",
        "thinking": "s t r",
        "reasoning": {
            "asked": "on",
            "applied": "on",
            "how": "template: enable_thinking=true",
            "notice": None,
        },
        "finish": "stop",
        "error": None,
        "usage": {"prompt": 41, "cached": 30, "thinking": 96, "answer": 12},
        "timing": {
            "load": 0.21,
            "prompt": 0.02,
            "first_token": 0.24,
            "thinking": 0.11,
            "answer": 0.02,
            "tokens_per_second": 910.0,
        },
        "placement": None,
        "session": "8f3a",
    }


def test_a_failure_has_the_same_keys() -> None:
    failure = error_object(ContextOverflow(5000, 4096), model="pebble")
    assert failure.keys() == result_object(DONE).keys()
    assert failure["answer"] is None
    assert failure["finish"] == "error"
    assert failure["error"]["code"] == "context_overflow"
    assert "5,000 tokens" in failure["error"]["message"]
    assert failure["error"]["hint"]


def test_a_failure_before_a_model_was_found_names_none() -> None:
    assert error_object(ContextOverflow(5000, 4096))["model"] is None


def test_a_failed_turn_has_its_thinking_but_no_answer() -> None:
    failed = result_object(
        replace(DONE, error=EngineError("decode_failed", "It failed.", "Try again."), finish="error")
    )
    assert failed["answer"] is None
    assert failed["thinking"] == "s t r"
    assert failed["error"] == {"code": "decode_failed", "message": "It failed.", "hint": "Try again."}


def test_json_prints_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    where = streams(monkeypatch)
    assert open_view("json", ViewOptions(where, TurnControl()))(iter(EVENTS)) is DONE
    said = [{"code": event.code, "text": event.text} for event in EVENTS if isinstance(event, Notice)]
    assert lines(where) == [{**result_object(DONE), "notices": said}]


def test_jsonl_prints_events_as_they_happen(monkeypatch: pytest.MonkeyPatch) -> None:
    where = streams(monkeypatch)

    def watched() -> Iterator[Event]:
        for number, event in enumerate(EVENTS):
            assert len(lines(where)) == number  # the previous one has been written
            yield event

    assert open_view("jsonl", ViewOptions(where, TurnControl()))(watched()) is DONE
    assert lines(where) == [
        {"v": 1, "event": "loading", "model": "pebble", "fraction": 0.5},
        {"v": 1, "event": "prompt", "done": 41, "total": 41, "cached": 30},
        {"v": 1, "event": "notice", "code": "odd", "text": "One line."},
        {"v": 1, "event": "thinking", "text": "s t r", "tokens": 3, "wanted": True},
        {"v": 1, "event": "answer", "text": "3", "tokens": 1, "thinking_tokens": 0},
        {**result_object(DONE), "notices": [{"code": "odd", "text": "One line."}]},
    ]


@pytest.mark.parametrize("text", ["日本 é 😀", "\x1b[31m \x00 \u2028", 'quote " and \\', "lone \ud800 half"])
def test_any_text_is_one_valid_line(text: str) -> None:
    line = dumps({"answer": text})
    line.encode("utf-8")
    assert len(line.splitlines()) == 1 or "\u2028" in text
    assert "\n" not in line
    if "\ud800" not in text:
        assert json.loads(line) == {"answer": text}


def test_json_has_no_control_characters() -> None:
    text = "\x1b[31m \x9b31m \x7f \u202e \u2028 é 你"
    line = dumps({"answer": text})
    assert all(char.isprintable() for char in line)
    assert "é 你" in line
    assert json.loads(line) == {"answer": text}
