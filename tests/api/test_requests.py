"""Requests of other clients: OpenAI's and llama-server's spellings, and what is refused or named as ignored."""

from __future__ import annotations

import math
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mull.api.chunks import Completion
from mull.api.errors import InvalidRequest, error_object, status_of
from mull.api.request import ChatRequest, read_request, request_body
from mull.errors import ContextOverflow, MullError, TemplateError
from mull.events import AnswerDelta, Done, ReasoningReport, ThinkingDelta, Timing, Usage
from mull.messages import Message
from mull.settings import ReasoningAsk, Sampling, parse_bias

HI = [{"role": "user", "content": "Hi"}]
BEGUN = [*HI, {"role": "assistant", "content": "Once"}]
DONE = Done("m", "", "", ReasoningReport("default", "none", ""), "stop", Usage(), Timing())
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
KNOWN = [
    *(field.name for field in fields(Sampling)),
    "model",
    "messages",
    "stream",
    "stop",
    "max_tokens",
    "max_completion_tokens",
    "n_predict",
    "logprobs",
    "top_logprobs",
    "response_format",
    "json_schema",
    "grammar",
    "reasoning_effort",
    "chat_template_kwargs",
    "reasoning_budget_tokens",
    "reasoning_format",
    "stream_options",
    "return_progress",
    "n",
    "tools",
    "tool_choice",
    "mull",
    "modalities",
    "continue_final_message",
    "add_generation_prompt",
    "echo",
]


def status(body: Any) -> int:
    try:
        read_request(body)
    except MullError as error:
        return status_of(error)
    return 200


def read(**given: Any) -> ChatRequest:
    return read_request({"messages": HI, **given})


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, ReasoningAsk()),
        ({"reasoning_effort": "none"}, ReasoningAsk(on=False)),
        ({"reasoning_effort": "minimal"}, ReasoningAsk(effort="low")),
        ({"reasoning_effort": "high"}, ReasoningAsk(effort="high")),
        ({"chat_template_kwargs": {"enable_thinking": False}}, ReasoningAsk(on=False)),
        ({"chat_template_kwargs": {"thinking": True}}, ReasoningAsk(on=True)),
        ({"chat_template_kwargs": {"reasoning_effort": "low"}}, ReasoningAsk(effort="low")),
        ({"reasoning_budget_tokens": 100}, ReasoningAsk(budget=100)),
        ({"reasoning_budget_tokens": -1}, ReasoningAsk()),
    ],
)
def test_thinking(given: dict[str, Any], expected: ReasoningAsk) -> None:
    assert read(**given).settings.reasoning == expected


def test_other_spellings() -> None:
    request = read(n_predict=-1, max_completion_tokens=7, max_tokens=9, seed=-1, stop="\n", n=1, tools=[])
    assert request.settings.max_tokens == 7
    assert request.settings.sampling.seed is None
    assert request.settings.stop == ("\n",)
    assert not request.ignored


def test_text_parts_and_the_developers_role() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    request = read(
        messages=[{"role": "developer", "content": "Be brief."}, {"role": "user", "content": parts}]
    )
    assert request.messages == (Message("system", "Be brief."), Message("user", "a\nb"))


def test_an_answer_at_the_end_is_continued() -> None:
    assert not read().settings.continue_answer
    for more in ({}, {"continue_final_message": True, "add_generation_prompt": False}):
        request = read(messages=BEGUN, **more)
        assert request.settings.continue_answer
        assert (request.messages[-1].content, request.ignored) == ("Once", ())
        body = request_body("m", request.messages, request.settings, extended=True)
        assert read_request(body).settings.continue_answer


def test_a_response_has_what_is_new_of_a_continued_answer() -> None:
    """As llama-server and vLLM do it; `echo` asks for all of it."""
    events = [AnswerDelta("Once", 0), AnswerDelta(" upon", 1)]
    end = replace(DONE, answer="Once upon", begun=(0, 4))
    for more, expected in (({}, " upon"), ({"echo": True}, "Once upon")):
        completion = Completion("id", 0, "m", read(messages=BEGUN, **more))
        deltas = [
            chunk["choices"][0]["delta"] for event in [*events, end] for chunk in completion.chunks(event)
        ]
        assert "".join(delta.get("content") or "" for delta in deltas) == expected
        assert completion.response(end)["choices"][0]["message"]["content"] == expected


def test_a_bias_in_llama_servers_and_in_openais_form() -> None:
    pairs = read(logit_bias=[[15, 1.5], ["Paris", False], ["42", -1]]).settings.sampling
    assert pairs.logit_bias == ("15=1.5", '"Paris"=-inf', '"42"=-1')
    assert [parse_bias(one) for one in pairs.logit_bias or ()] == [
        (15, 1.5),
        ("Paris", -math.inf),
        ("42", -1.0),
    ]
    assert read(logit_bias={"15": -100, "Paris": 2}).settings.sampling.logit_bias == ("15=-100", "Paris=2")


def test_what_has_no_effect_is_named() -> None:
    request = read(
        service_tier="auto",
        chat_template_kwargs={"x": 1},
        messages=[{"role": "user", "content": "Hi", "name": "Anna"}],
        stream_options={"y": 1},
        mull={"version": "0.0.0", "settings": {"z": 1}},
        user="anna",
    )
    assert set(request.ignored) == {
        "service_tier",
        "chat_template_kwargs.x",
        "messages.name",
        "stream_options.y",
        "mull.version",
        "mull.settings.z",
    }
    assert not request.extended


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"n": 2}, "n"),
        ({"tools": [{"type": "function"}]}, "tools"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"temperature": "hot"}, "temperature"),
        ({"temperature": True}, "temperature"),
        ({"temperature": float("nan")}, "temperature"),
        ({"top_p": 1.5}, "top_p"),
        ({"mirostat": 3}, "mirostat"),
        ({"mirostat": 1.5}, "mirostat"),
        ({"adaptive_decay": 1}, "adaptive_decay"),
        ({"xtc_threshold": -0.1}, "xtc_threshold"),
        ({"logit_bias": 1}, "logit_bias"),
        ({"logit_bias": [[1, 2, 3]]}, "logit_bias"),
        ({"logit_bias": [[1.5, 2]]}, "logit_bias"),
        ({"logit_bias": [[True, 2]]}, "logit_bias"),
        ({"logit_bias": [["", 2]]}, "logit_bias"),
        ({"logit_bias": {"1": "x"}}, "logit_bias"),
        ({"logit_bias": {"1": True}}, "logit_bias"),
        ({"logit_bias": {"1": float("inf")}}, "logit_bias"),
        ({"top_k": 1.5}, "top_k"),
        ({"repeat_last_n": 2**31}, "repeat_last_n"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"top_logprobs": 3}, "top_logprobs"),
        ({"stop": [1]}, "stop"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "messages[0].content"),
        (
            {"messages": [{"role": "assistant", "content": "x", "mull": {"tokens": ["1"]}}]},
            "messages[0].mull.tokens",
        ),
        ({"continue_final_message": True}, "continue_final_message"),
        (
            {"messages": BEGUN, "continue_final_message": True, "add_generation_prompt": True},
            "add_generation_prompt",
        ),
        ({"response_format": {"type": "xml"}}, "response_format.type"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
        ({"grammar": 'root ::= "a"', "response_format": {"type": "json_object"}}, "grammar"),
        ({"choice": ["a"], "guided_regex": "a"}, "guided_regex"),
        ({"structured_outputs": {"choice": ["a"], "json": {}}}, "structured_outputs.json"),
        ({"structured_outputs": {"shape": "a"}}, "structured_outputs"),
        ({"choice": "a,b"}, "choice"),
        ({"structured_outputs": {"regex": 7}}, "structured_outputs.regex"),
        ({"reasoning_format": "hidden"}, "reasoning_format"),
    ],
)
def test_what_is_refused_by_name(given: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read(**given)
    assert refused.value.param == param
    assert error_object(refused.value)["error"]["type"] == "invalid_request_error"


@given(st.dictionaries(st.sampled_from(KNOWN), JSON, max_size=6) | JSON)
def test_any_body_is_read_or_refused(body: Any) -> None:
    for each in (body, {**body, "messages": HI} if isinstance(body, dict) else HI):
        assert status(each) in {200, 400}


def test_errors_have_the_types_of_llama_server() -> None:
    full = error_object(ContextOverflow(5000, 4096))["error"]
    assert (full["code"], full["type"], full["n_prompt_tokens"], full["n_ctx"]) == (
        400,
        "exceed_context_size_error",
        5000,
        4096,
    )
    kinds = {
        code: error_object(MullError(code, "No."))["error"]["code"]
        for code in ("unknown_model", "invalid_key", "server_busy", "decode_failed")
    }
    assert kinds == {"unknown_model": 404, "invalid_key": 401, "server_busy": 503, "decode_failed": 500}
    assert error_object(TemplateError("template", "No."))["error"]["code"] == 400


def test_thinking_inside_the_content() -> None:
    request = ChatRequest("m", (Message("user", "Hi"),), read().settings, reasoning_format="none")
    completion = Completion("id", 1, "m", request)
    events = (ThinkingDelta("Hm", 1), ThinkingDelta("m", 2), AnswerDelta("Yes", 1))
    deltas = [chunk["choices"][0]["delta"] for event in events for chunk in completion.chunks(event)]
    assert "".join(delta.get("content") or "" for delta in deltas) == "<think>\nHmm\n</think>\n\nYes"


def test_a_beginning_that_cannot_match_its_format_is_a_wrong_request() -> None:
    messages = [{"role": "user", "content": "Really?"}, {"role": "assistant", "content": "y"}]
    assert read_request({"messages": messages, "guided_choice": ["yes", "no"]}).settings.continue_answer
    with pytest.raises(MullError, match='No answer that matches the choices begins with "y"') as refused:
        read_request({"messages": messages, "guided_choice": ["no", "never"]})
    assert (refused.value.code, status_of(refused.value)) == ("beginning_misfit", 400)
