"""What a client of mull sends and gets back is what was meant, over every event and setting, as bytes of JSON."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mull.api.chunks import Completion, encode
from mull.api.errors import exact_error, read_exact_error
from mull.api.events import EventReader
from mull.api.request import ChatRequest, read_request, request_body
from mull.errors import MullError
from mull.events import AnswerDelta, Done, Event, ThinkingDelta
from mull.messages import Message
from mull.settings import Sampling, TurnSettings
from tests.api import strategies


def wire(value: Any) -> Any:
    return json.loads(json.dumps(value, ensure_ascii=False, allow_nan=False).encode())


def asked(*, extended: bool = True, **options: Any) -> ChatRequest:
    return ChatRequest("m", (Message("user", "Hi"),), TurnSettings(), True, extended=extended, **options)


def facts(error: MullError | None) -> Any:
    return error and (type(error), error.args, vars(error))


@given(strategies.messages(), strategies.SETTINGS)
def test_messages_and_settings_arrive(messages: tuple[Message, ...], settings: TurnSettings) -> None:
    request = read_request(wire(request_body("qwen3", messages, settings, extended=True)))
    assert (request.model, request.messages, request.settings) == ("qwen3", messages, settings)
    assert request.extended
    assert not request.ignored


@given(strategies.SETTINGS)
def test_unset_sampling_is_the_models(settings: TurnSettings) -> None:
    body = wire(request_body("m", [Message("user", "Hi")], settings, extended=False))
    merged = read_request(body).turn_settings(lambda _: Sampling(temperature=0.6, top_p=0.9)).sampling
    assert merged.temperature == (
        0.6 if settings.sampling.temperature is None else settings.sampling.temperature
    )
    assert merged.min_p == (0.05 if settings.sampling.min_p is None else settings.sampling.min_p)


@given(strategies.streams())
def test_events_arrive(events: list[Event]) -> None:
    completion, reader = Completion("id", 1, "m", asked(include_usage=True)), EventReader()
    chunks = [wire(chunk) for event in events for chunk in completion.chunks(event)]
    found = [event for chunk in chunks if (event := reader.feed(chunk)) is not None]
    assert found[:-1] == events[:-1]
    last, expected = found[-1], events[-1]
    assert isinstance(last, Done)
    assert isinstance(expected, Done)
    assert facts(last.error) == facts(expected.error)
    for name in Done.__slots__:
        assert name == "error" or getattr(last, name) == getattr(expected, name)


@given(strategies.streams())
def test_the_standard_fields_have_the_whole_text(events: list[Event]) -> None:
    completion = Completion("id", 1, "m", asked(extended=False, include_usage=True))
    chunks = [wire(chunk) for event in events for chunk in completion.chunks(event)]
    deltas = [choice["delta"] for chunk in chunks for choice in chunk.get("choices", ())]
    done = events[-1]
    assert isinstance(done, Done)
    assert "".join(delta.get("content") or "" for delta in deltas) == done.answer
    assert "".join(delta.get("reasoning_content") or "" for delta in deltas) == done.thinking
    assert not any("mull" in chunk for chunk in chunks)
    if done.finish == "error":
        assert chunks[-1].keys() == {"error"}
    else:
        assert chunks[-2]["choices"][0]["finish_reason"] in {"stop", "length"}
        assert chunks[-1]["choices"] == []
        assert chunks[-1]["usage"]["completion_tokens"] == done.usage.thinking + done.usage.answer


@given(strategies.streams(), st.booleans(), st.sampled_from(["deepseek", "none"]))
def test_the_short_way_to_a_chunk_of_text_makes_the_same_chunk(
    events: list[Event], extended: bool, reasoning_format: str
) -> None:
    completion = Completion("id", 1, "m", asked(extended=extended, reasoning_format=reasoning_format))
    for event in events:
        short = completion.text_chunk(event)
        chunks = [encode(chunk) for chunk in completion.chunks(event)]
        assert short in {"", *chunks}
        assert not short or len(chunks) == 1
    texts = [event for event in events if isinstance(event, AnswerDelta | ThinkingDelta) and event.tokens]
    usual = not extended and reasoning_format == "deepseek"
    assert [bool(completion.text_chunk(event)) for event in texts[1:]] == [usual for _ in texts[1:]]


@given(strategies.ERROR)
def test_errors_arrive(error: MullError) -> None:
    assert facts(read_exact_error(wire(exact_error(error)))) == facts(error)
