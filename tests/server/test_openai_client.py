"""The `openai` package as a client of `mull serve`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam

from tests.server.conftest import ANSWER, PLAIN, THINKING, RunningServer

HI: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Hi"}]


@pytest.fixture
def client(server: RunningServer) -> Iterator[openai.OpenAI]:
    with closing(openai.OpenAI(base_url=f"{server.address}/v1", api_key="none", max_retries=0)) as made:
        yield made


def test_an_answer(client: openai.OpenAI) -> None:
    found = client.chat.completions.create(model="thinker", messages=HI)
    message = found.choices[0].message
    assert message.content == ANSWER
    assert message.to_dict()["reasoning_content"] == THINKING
    assert found.usage is not None
    assert found.usage.completion_tokens_details is not None
    assert found.usage.completion_tokens_details.reasoning_tokens


def test_a_stream(client: openai.OpenAI) -> None:
    answer, thinking, usage, reasons = "", "", None, []
    stream = client.chat.completions.create(
        model="thinker", messages=HI, stream=True, stream_options={"include_usage": True}
    )
    for chunk in stream:
        usage = chunk.usage or usage
        for choice in chunk.choices:
            answer += choice.delta.content or ""
            thinking += str(choice.delta.to_dict().get("reasoning_content") or "")
            reasons += [choice.finish_reason] if choice.finish_reason else []
    assert (answer, thinking, reasons) == (ANSWER, THINKING, ["stop"])
    assert usage is not None
    assert usage.prompt_tokens_details is not None


def test_thinking_is_switched_off(client: openai.OpenAI) -> None:
    found = client.chat.completions.create(model="thinker", messages=HI, reasoning_effort="none")
    assert found.choices[0].message.content == PLAIN
    found = client.chat.completions.create(
        model="thinker", messages=HI, extra_body={"chat_template_kwargs": {"enable_thinking": False}}
    )
    assert found.choices[0].message.content == PLAIN


def test_a_schema(client: openai.OpenAI) -> None:
    schema = {
        "type": "object",
        "properties": {"n": {"enum": [1]}},
        "required": ["n"],
        "additionalProperties": False,
    }
    found = client.chat.completions.create(
        model="thinker",
        messages=HI,
        reasoning_effort="none",
        max_completion_tokens=200,
        response_format={"type": "json_schema", "json_schema": {"name": "n", "schema": schema}},
    )
    assert json.loads(found.choices[0].message.content or "") == {"n": 1}


def test_log_probabilities(client: openai.OpenAI) -> None:
    found = client.chat.completions.create(
        model="thinker", messages=HI, reasoning_effort="none", logprobs=True, top_logprobs=2
    )
    logprobs = found.choices[0].logprobs
    assert logprobs is not None
    assert [len(one.top_logprobs) for one in logprobs.content or ()] == [2] * len(logprobs.content or ())
    assert (logprobs.content or [])[0].token == "Just"


def test_errors_have_their_classes(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model="gpt-5", messages=HI)
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(model="thinker", messages=HI, n=2)
    assert refused.value.param == "n"
    with pytest.raises(openai.BadRequestError) as full:
        client.chat.completions.create(
            model="thinker", messages=[{"role": "user", "content": "long " * 5000}]
        )
    assert full.value.type == "exceed_context_size_error"


def test_models_are_listed(client: openai.OpenAI) -> None:
    assert {model.id for model in client.models.list()} == {"thinker", "talker"}
