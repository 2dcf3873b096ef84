"""What a reply may look like: cut anywhere, hostile, broken, with thinking where it does not belong."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from typing import Any

import pytest

from mull.backends.openai.sse import EventData
from mull.control import TurnControl
from mull.endpoints.errors import ServerError
from mull.endpoints.http import Client
from mull.errors import Interrupted
from mull.events import AnswerDelta, Notice, ThinkingDelta
from mull.settings import ReasoningAsk
from tests.backends.openai.conftest import Office, Open
from tests.endpoints.dialects import Answer
from tests.endpoints.scripted_server import End, split_every
from tests.streams import check_stream


def chunk(finish: str | None = None, **delta: Any) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return b"data: " + json.dumps({"id": "1", "model": "thinker", "choices": [choice]}).encode() + b"\n\n"


END = chunk("stop") + b"data: [DONE]\n\n"


def failure(here: Office) -> ServerError:
    with pytest.raises(ServerError) as caught:
        here.ask()
    return caught.value


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50])
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_a_stream_means_the_same_however_it_is_cut(office: Open, size: int, end: bytes) -> None:
    here = office()
    data = chunk(reasoning="Ünïcode 🦙 ") + chunk(content="née ") + chunk(content="🙂") + END
    data = b"\xef\xbb\xbf: hello\n\nevent: x\nretry: 3\nid\n\n" + data
    raw = json.dumps("née ", ensure_ascii=False).encode()
    data = data.replace(b'"n\\u00e9e "', raw).replace(b"\n", end)
    here.plays(*split_every(data, size))
    done = here.ask()
    assert (done.thinking, done.answer, done.finish) == ("Ünïcode 🦙", "née 🙂", "stop")


def test_invalid_utf8_becomes_a_replacement_character(office: Open) -> None:
    here = office()
    here.plays(chunk(content="a\u00e9b").replace(b"\\u00e9", b"\xff\xc3"), END)
    assert here.ask().answer == "a\ufffd\ufffdb"


def test_half_a_surrogate_pair_becomes_a_replacement_character(office: Open) -> None:
    here = office()
    here.plays(chunk(content="a\ud83d"), chunk(content="\ude00b"), END)
    answer = here.ask().answer
    assert answer.encode()
    assert (answer[0], answer[-1]) == ("a", "b")


def test_data_lines_of_one_event_are_joined() -> None:
    lines = [b"data: {", b'data: "a": 1}', b"", b"data:x", b": c", b"", b"", b"data: last"]
    assert list(EventData(lines)) == [b'{\n"a": 1}', b"x", b"last"]


@pytest.mark.parametrize(
    "garbage",
    [b"data: {]\n\n", b"data: 7\n\n", b'data: {"a": \x00}\n\n', b"data: " + b"[" * 500 + b"\n\n"],
)
def test_garbage_is_a_failure_that_keeps_what_came(office: Open, garbage: bytes) -> None:
    here = office()
    here.plays(garbage)
    assert failure(here).code == "endpoint_answer"
    here.plays(chunk(content="So "), garbage, chunk(content="far"), END)
    done = here.ask()
    assert (done.answer, done.finish, done.exit_code) == ("So ", "error", 1)


@pytest.mark.parametrize(
    "odd",
    [
        {"choices": []},
        {"choices": None},
        {"choices": [None]},
        {"choices": [{"delta": None, "finish_reason": None}]},
        {"choices": [{"delta": {"content": None, "reasoning": 5}, "logprobs": {"content": 3}}]},
        {"choices": {}, "usage": 7, "timings": [], "prompt_progress": "x", "id": 3, "model": None},
        {"prompt_progress": {"processed": "many", "total": -1}},
        {"usage": {"prompt_tokens": "7", "completion_tokens": None, "prompt_tokens_details": 3}},
        {},
    ],
)
def test_a_chunk_of_another_shape_is_tolerated(office: Open, odd: dict[str, Any]) -> None:
    here = office()
    here.plays(chunk(content="a"), b"data: " + json.dumps(odd).encode() + b"\n\n", chunk(content="b"), END)
    assert here.ask().answer == "ab"


def test_a_line_of_many_megabytes_is_refused(office: Open) -> None:
    here = office()
    here.plays(chunk(content="a"), b"data: " + b"x" * (10 << 20))
    done = here.ask()
    assert (done.answer, done.finish) == ("a", "error")


def test_a_whole_completion_is_read_too(office: Open) -> None:
    here = office()
    message = {"role": "assistant", "content": "Whole.", "reasoning_content": "Hm."}
    body = {"choices": [{"message": message, "finish_reason": "stop"}], "usage": {"prompt_tokens": 3}}
    here.plays(json.dumps(body).encode(), kind="application/json", framing="length")
    done = here.ask()
    assert (done.thinking, done.answer, done.usage.prompt) == ("Hm.", "Whole.", 3)


@pytest.mark.parametrize("end", [End.CUT, End.RESET])
@pytest.mark.parametrize(
    ("sent", "thinking", "answer"),
    [([chunk(reasoning="Hm")], "Hm", ""), ([chunk(reasoning="Hm"), chunk(content="So")], "Hm", "So")],
)
def test_a_server_that_is_killed_leaves_what_came(
    office: Open, end: End, sent: list[bytes], thinking: str, answer: str
) -> None:
    here = office()
    here.plays(*sent, end)
    done = here.ask()
    assert (done.thinking, done.answer, done.finish) == (thinking, answer, "error")
    assert isinstance(done.error, ServerError)
    assert done.error.transient
    here.plays(end)
    assert failure(here).transient


PINGS = {
    "comments": b": ping\n\n",
    "events": b"event: ping\ndata: {}\n\n",
    "empty chunks": b'data: {"choices": [{"index": 0, "delta": {"content": ""}}]}\n\n',
    "roles": b'data: {"choices": [{"index": 0, "delta": {"role": "assistant"}, "finish_reason": null}]}\n\n',
}


@pytest.mark.parametrize("ping", PINGS.values(), ids=PINGS)
def test_pings_alone_keep_no_request_waiting(office: Open, ping: bytes) -> None:
    run = office("vllm", timeout=0.3)
    run.plays(*[step for _ in range(5000) for step in (ping, 0.01)])
    with pytest.raises(ServerError) as caught:
        run.ask()
    assert caught.value.code == "connection_timeout"
    assert caught.value.message == "office has sent no part of an answer for 0.3 s."


def test_pings_within_an_answer_end_it_with_what_came(office: Open) -> None:
    run = office("vllm", timeout=1.5)
    begun = run.dialect.chunks(answer=["Forty", "-two"])[:-3]
    run.plays(*begun, *[step for _ in range(5000) for step in (PINGS["comments"], 0.01)])
    done = run.ask()
    assert (done.answer, done.finish) == ("Forty-two", "error")
    assert done.error is not None
    assert done.error.code == "connection_timeout"


def test_an_answer_may_take_longer_than_its_pieces(office: Open) -> None:
    run = office("vllm", timeout=2.0, answer=Answer("", "", "One two three", pace=0.8))
    assert run.reasons(on=False).answer == "One two three"


def test_a_stream_without_an_end_mark_needs_a_finish_reason(office: Open) -> None:
    here = office()
    here.plays(chunk(content="a"), chunk("stop"))
    assert here.ask().finish == "stop"
    here.plays(chunk(content="a"), b"data: [DONE]\n\n")
    assert here.ask().finish == "stop"
    here.plays(chunk(content="a"))
    assert here.ask().finish == "error"


@pytest.mark.parametrize("sent", [b"", b"data: [DONE]\n\n", b": ping\n\n", chunk(role="assistant")])
def test_an_empty_stream_is_a_failure(office: Open, sent: bytes) -> None:
    here = office()
    here.plays(sent)
    assert failure(here).code in {"endpoint_answer", "connection_lost"}


def test_a_key_that_an_error_repeats_is_not_shown(office: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OFFICE_KEY", "sk-secret")
    here = office()
    here.backend.client = Client(here.server.url, name="office", key_env="OFFICE_KEY")
    here.plays(chunk(content="a"), b'data: {"error": {"message": "sk-secret is used up"}}\n\n')
    done = here.ask()
    assert done.error is not None
    assert (done.answer, done.error.message) == ("a", "office failed: (the key) is used up.")


def test_an_error_with_status_200_is_a_failure(office: Open) -> None:
    here = office()
    here.plays(b'{\n "error": {"message": "out of memory"}\n}\n', kind="application/json", framing="length")
    assert "out of memory" in failure(here).message
    here.plays(b"<html>Please log in</html>", kind="text/html; charset=utf-8", framing="length")
    assert "no stream of events" in failure(here).message


# How it ends.


def test_an_empty_answer_is_an_answer(office: Open) -> None:
    here = office()
    here.plays(chunk(role="assistant"), END)
    done = here.ask()
    assert (done.answer, done.finish, done.empty) == ("", "stop", True)


def test_a_call_of_a_tool_is_no_answer(office: Open) -> None:
    here = office()
    call = {"index": 0, "id": "c1", "type": "function", "function": {"name": "search", "arguments": "{}"}}
    here.plays(chunk(reasoning="Hm"), chunk("tool_calls", tool_calls=[call]), b"data: [DONE]\n\n")
    done = here.ask()
    assert (done.thinking, done.exit_code) == ("Hm", 1)
    assert done.error is not None
    assert "calls a tool" in done.error.message
    here.plays(chunk("tool_calls", content=None, tool_calls=[call]))
    assert "calls a tool" in failure(here).message
    here.plays(chunk(content="I looked it up: 42."), chunk("tool_calls", tool_calls=[call]))
    assert (here.ask().answer, here.ask().exit_code) == ("I looked it up: 42.", 0)


def test_a_refusal_in_a_field_of_its_own_is_the_answer(office: Open) -> None:
    here = office()
    here.plays(chunk(content=None, refusal="I can't"), chunk(refusal=" help with that."), END)
    assert here.ask().answer == "I can't help with that."


@pytest.mark.parametrize("reason", ["length", "max_tokens"])
def test_a_limit_is_named(office: Open, reason: str) -> None:
    here = office()
    here.plays(chunk(content="a"), chunk(reason))
    assert (here.ask(max_tokens=1).limit, here.ask().limit) == ("max_tokens", "default")
    usage = b'data: {"choices": [], "usage": {"prompt_tokens": 500, "completion_tokens": 12}}\n\n'
    here.plays(chunk(content="a"), chunk(reason), usage)
    done = here.ask()
    assert (done.finish, done.limit, done.exit_code) == ("length", "context", 3)
    here.plays(chunk(reasoning="Hm"), chunk(reason))
    assert here.ask().exit_code == 4


def test_a_filter_that_ends_the_answer_is_said(office: Open) -> None:
    here = office()
    here.plays(chunk(content="a"), chunk("content_filter"))
    events = here.events()
    done = check_stream(events)
    assert (done.exit_code, done.limit) == (3, None)
    assert [event.code for event in events if isinstance(event, Notice)] == ["filtered"]


def test_an_endless_repetition_is_ended(office: Open) -> None:
    here = office()
    here.plays(*[chunk(content=" again and again")] * 600, END)
    done = here.ask()
    assert done.finish == "loop"
    assert here.ask(loop_guard=False).finish == "stop"


# Thinking in the content.


@pytest.mark.parametrize(
    ("model", "texts", "thinking", "answer"),
    [
        ("m", ["<think>", "Hm.", "</think>", "\n\nSo."], "Hm.", "So."),
        ("m", ["<thi", "nk>Hm.</th", "ink>So."], "Hm.", "So."),
        ("m", ["[THINK]Hm.[/THINK]So."], "Hm.", "So."),
        ("m", ["A <think> tag."], "", "A <think> tag."),
        ("org/DeepSeek-R1-Distill", ["Hm.", "</think>", "So."], "Hm.", "So."),
        ("qwq:32b", ["<think>Hm.</think>So."], "Hm.", "So."),
    ],
)
def test_thinking_left_in_the_content_is_split_off(
    office: Open, model: str, texts: list[str], thinking: str, answer: str
) -> None:
    here = office("other", model=model)
    here.plays(*(chunk(content=text) for text in texts), END)
    done = here.ask()
    assert (done.thinking, done.answer) == (thinking, answer)
    assert done.usage.thinking >= bool(thinking)


def test_the_headers_of_gpt_oss_are_no_part_of_the_answer(office: Open) -> None:
    here = office("other", model="gpt-oss-20b")
    texts = [
        "<|channel|>",
        "analysis",
        "<|message|>",
        "Hm.",
        "<|end|>",
        "<|start|>",
        "assistant",
        "<|channel|>",
        "final",
    ]
    here.plays(*(chunk(content=text) for text in (*texts, "<|message|>", "So.")), END)
    done = here.ask()
    assert (done.thinking, done.answer) == ("Hm.", "So.")


def test_a_model_that_was_taken_for_a_thinker_still_answers(office: Open) -> None:
    here = office("other", model="deepseek-r1")
    here.plays(chunk(content="Just "), chunk(content="this."), END)
    assert here.ask().answer == "Just this."


def test_thinking_in_both_places_is_shown_once(office: Open) -> None:
    """llama-server with --reasoning-format deepseek-legacy."""
    here = office()
    here.plays(chunk(reasoning_content="Hm.", content="<think>Hm."), chunk(content="</think>\n\nSo."), END)
    done = here.ask()
    assert (done.thinking, done.answer) == ("Hm.", "So.")


def test_unwanted_thinking_is_marked_so_and_reported(office: Open) -> None:
    here = office()
    here.plays(chunk(reasoning="Hm."), chunk(content="So."), END)
    events = here.events(reasoning=ReasoningAsk(on=False))
    assert [event.wanted for event in events if isinstance(event, ThinkingDelta)] == [False]
    assert "although thinking was off" in str(check_stream(events).reasoning.notice)


# Stops.


def test_a_server_that_cannot_end_its_thinking_is_not_asked_to(office: Open) -> None:
    here = office()
    control = TurnControl()
    control.answer_now()
    assert check_stream(here.events(control)).answer == "Forty-two."
    assert {request.path for request in here.server.requests} == {"/v1/models", here.dialect.chat}


def test_a_stop_closes_the_connection_at_once(office: Open) -> None:
    here = office()
    here.plays(chunk(content="So "), chunk(content="far"), End.HOLD)
    control = TurnControl()
    events = []
    for event in here.stream(control):
        events.append(event)
        if isinstance(event, AnswerDelta) and event.text == "far":
            control.stop()
            began = time.monotonic()
    done = check_stream(events)
    assert time.monotonic() - began < 5  # 0.2 s where the machine is idle
    assert (done.answer, done.finish, done.exit_code) == ("So far", "interrupted", 130)
    assert here.server.sent_to(here.dialect.chat)[-1].left.wait(10)


def test_a_stop_before_the_first_token_ends_the_turn(office: Open) -> None:
    here = office()
    here.plays(End.HOLD)
    control = TurnControl()
    control.stop()
    with suppress(Interrupted):
        assert check_stream(here.events(control)).finish == "interrupted"


def test_token_chances_are_those_of_the_answer(office: Open) -> None:
    here = office()
    first = json.loads(chunk(content="é")[6:])
    one = {
        "token": "é",
        "logprob": -0.5,
        "bytes": [195, 169],
        "top_logprobs": [{"token": "e", "logprob": -9, "bytes": None}],
    }
    first["choices"][0]["logprobs"] = {"content": [one]}
    here.plays(b"data: " + json.dumps(first).encode() + b"\n\n", END)
    done = here.ask(logprobs=1)
    assert here.asked["logprobs"] is True
    assert done.logprobs is not None
    assert [(each.data, each.logprob, each.top[0].data) for each in done.logprobs] == [
        ("é".encode(), -0.5, b"e")
    ]
    assert here.ask().logprobs is None
