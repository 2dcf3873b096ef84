"""`/v1/chat/completions` in plain HTTP: what comes back, field by field."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.server.conftest import ANSWER, COMPLETIONS, CONTROL, PLAIN, THINKING, RunningServer, body


def chunks(server: RunningServer, **fields: Any) -> list[Any]:
    """The data of a stream, `[DONE]` included."""
    with server.client.stream("POST", COMPLETIONS, json=body(stream=True, **fields)) as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        lines = [line.removeprefix("data: ") for line in response.iter_lines() if line.startswith("data: ")]
    return [line if line == "[DONE]" else json.loads(line) for line in lines]


def joined(found: list[Any], name: str) -> str:
    deltas = [choice["delta"] for chunk in found if chunk != "[DONE]" for choice in chunk["choices"]]
    return "".join(delta.get(name) or "" for delta in deltas)


def test_a_whole_answer(server: RunningServer) -> None:
    response = server.ask()
    assert response.status_code == 200
    answer = response.json()
    (choice,) = answer["choices"]
    assert answer["object"] == "chat.completion"
    assert answer["model"] == "thinker"
    assert choice["message"] == {"role": "assistant", "content": ANSWER, "reasoning_content": THINKING}
    assert choice["finish_reason"] == "stop"
    usage = answer["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert 0 < usage["completion_tokens_details"]["reasoning_tokens"] < usage["completion_tokens"]
    assert answer["timings"]["predicted_n"] == usage["completion_tokens"]
    assert "mull" not in answer


def test_a_stream(server: RunningServer) -> None:
    found = chunks(server, stream_options={"include_usage": True}, return_progress=True)
    assert joined(found, "content") == ANSWER
    assert joined(found, "reasoning_content") == THINKING
    assert found[-1] == "[DONE]"
    assert found[-2]["choices"] == []
    assert found[-2]["usage"]["completion_tokens"] > 0
    assert found[-3]["choices"][0]["finish_reason"] == "stop"
    assert found[-3]["timings"]["predicted_n"] == found[-2]["usage"]["completion_tokens"]
    progress = [chunk["prompt_progress"] for chunk in found[:-3] if "prompt_progress" in chunk]
    assert progress[-1]["processed"] == progress[-1]["total"] == found[-2]["usage"]["prompt_tokens"]
    first = found[0]["choices"][0]["delta"]
    assert first["role"] == "assistant"
    assert len({chunk["id"] for chunk in found[:-1]}) == 1


def test_usage_only_when_it_is_asked(server: RunningServer) -> None:
    assert not [chunk for chunk in chunks(server)[:-1] if "usage" in chunk or "prompt_progress" in chunk]


def test_thinking_is_switched(server: RunningServer) -> None:
    off = server.ask(chat_template_kwargs={"enable_thinking": False}).json()["choices"][0]["message"]
    assert off == {"role": "assistant", "content": PLAIN}
    none = server.ask(reasoning_effort="none").json()["choices"][0]["message"]
    assert none == off
    budget = server.ask(reasoning_budget_tokens=1).json()["choices"][0]["message"]
    assert budget["reasoning_content"] != THINKING
    assert budget["content"]
    inside = server.ask(reasoning_format="none").json()["choices"][0]["message"]
    assert inside == {"role": "assistant", "content": f"<think>\n{THINKING}\n</think>\n\n{ANSWER}"}


def test_limits_and_stop_strings(server: RunningServer) -> None:
    cut = server.ask(max_tokens=2).json()
    assert cut["choices"][0]["finish_reason"] == "length"
    assert cut["usage"]["completion_tokens"] == 2
    stopped = server.ask(stop=["-two"]).json()
    assert stopped["choices"][0]["message"]["content"] == "Forty"
    assert stopped["choices"][0]["finish_reason"] == "stop"


def test_log_probabilities(server: RunningServer) -> None:
    choice = server.ask(reasoning_effort="none", logprobs=True, top_logprobs=2).json()["choices"][0]
    content = choice["logprobs"]["content"]
    assert "".join(one["token"] for one in content).startswith(PLAIN)
    assert all(one["logprob"] <= 0 and len(one["top_logprobs"]) == 2 for one in content)
    found = chunks(server, reasoning_effort="none", logprobs=True)
    streamed = [
        one for chunk in found[:-1] for one in (chunk["choices"][0].get("logprobs") or {}).get("content", ())
    ]
    assert [one["token"] for one in streamed] == [one["token"] for one in content]


@pytest.mark.parametrize(
    "form",
    [
        {
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "n", "schema": {"type": "integer"}},
            }
        },
        {"json_schema": {"type": "integer"}},
        {"grammar": "root ::= [0-9]"},
    ],
)
def test_the_answer_has_the_format_that_was_asked_for(server: RunningServer, form: dict[str, Any]) -> None:
    answer = server.ask(max_tokens=100, reasoning_effort="none", **form).json()
    assert re.fullmatch(r"-?\d+", answer["choices"][0]["message"]["content"])


def test_any_json(server: RunningServer) -> None:
    form = {"response_format": {"type": "json_object"}, "reasoning_effort": "none", "max_tokens": 9}
    content = server.ask(**form).json()["choices"][0]["message"]["content"]
    assert content.lstrip()[:1] in {*'{["-0123456789tfn', ""}
    assert not content.startswith(PLAIN[:4])


def test_a_running_completion_answers_now(server: RunningServer) -> None:
    fields = body(stream=True, model="talker", max_tokens=4500)
    with server.client.stream("POST", COMPLETIONS, json=fields) as response:
        lines = response.iter_lines()
        first = json.loads(next(line for line in lines if line.startswith("data: ")).removeprefix("data: "))
        done = server.client.post(CONTROL, json={"id": first["id"], "action": "reasoning_end"})
        assert done.json() == {"success": True}
        last = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith('data: {"id')][
            -1
        ]
    # Unasked, it thinks for 4,000 tokens.
    assert last["timings"]["predicted_n"] > 4000
    assert joined([first], "reasoning_content")
    gone = server.client.post(CONTROL, json={"id": first["id"], "action": "reasoning_end"})
    assert gone.status_code == 404


def test_what_has_no_effect_is_named(server: RunningServer) -> None:
    response = server.ask(service_tier="auto", **{"bad\r\nname": 1})
    assert response.headers["x-mull-ignored"] == "bad??name, service_tier"
    assert "x-mull-ignored" not in server.ask().headers
    assert "ignored: bad??name, service_tier" in server.printed


def test_the_log_has_nothing_of_the_texts(server: RunningServer) -> None:
    server.ask("a secret word: xyzzy")
    assert "xyzzy" not in server.printed
    assert "Forty" not in server.printed
    assert re.search(
        r"thinker · stop · [\d.]+ s · \d+ tokens of prompt, \d+ cached · \d+ generated", server.printed
    )


def test_the_prompt_cache_serves_the_next_request(server: RunningServer) -> None:
    question = "a question that comes twice " * 4
    first = server.ask(question, model="talker", max_tokens=1).json()
    again = server.ask(question, model="talker", max_tokens=1).json()
    prompt = first["usage"]["prompt_tokens"]
    assert again["usage"]["prompt_tokens_details"]["cached_tokens"] == prompt - 1
    assert again["timings"]["prompt_n"] == 1


def test_tokens_are_counted(server: RunningServer) -> None:
    counted = server.client.post(f"{COMPLETIONS}/input_tokens", json=body("How many?")).json()
    assert counted["exact"]
    assert counted["input_tokens"] == server.ask("How many?").json()["usage"]["prompt_tokens"]


def test_texts_become_tokens_and_tokens_texts(server: RunningServer) -> None:
    def tokens(**fields: Any) -> Any:
        return server.client.post("/tokenize", json=fields).json()["tokens"]

    text = "Grüße!<|im_end|>"
    for parse in (True, False):
        ids = tokens(content=text, parse_special=parse, model="thinker")
        again = server.client.post("/detokenize", json={"tokens": ids, "model": "thinker"}).json()
        assert again == {"content": text}
        assert len(ids) == len("Grüße!".encode()) + (1 if parse else len("<|im_end|>"))
    assert tokens(content="é") == [one["id"] for one in tokens(content="é", with_pieces=True)]
    assert [one["piece"] for one in tokens(content="aé", with_pieces=True)] == ["a", [0xC3], [0xA9]]
    assert tokens(content="") == []
    assert server.client.post("/detokenize", json={"tokens": []}).json() == {"content": ""}


@pytest.mark.parametrize(
    ("path", "fields", "status"),
    [
        ("/tokenize", {}, 400),
        ("/tokenize", {"content": 3}, 400),
        ("/tokenize", {"content": "a", "add_special": 1}, 400),
        ("/tokenize", {"content": "a", "model": "other"}, 404),
        ("/tokenize", {"content": "a" * 1_000_001}, 413),
        ("/detokenize", {}, 400),
        ("/detokenize", {"tokens": ["a"]}, 400),
        ("/detokenize", {"tokens": [-1]}, 400),
        ("/detokenize", {"tokens": [1 << 40]}, 400),
        ("/detokenize", {"tokens": [0] * 100_001}, 413),
    ],
)
def test_what_cannot_be_tokenized_is_refused(
    server: RunningServer, path: str, fields: dict[str, Any], status: int
) -> None:
    response = server.client.post(path, json=fields)
    assert response.status_code == status
    assert response.json()["error"]["code"] == status


def test_models_and_their_properties(server: RunningServer) -> None:
    server.ask()
    models = {model["id"]: model for model in server.client.get("/v1/models").json()["data"]}
    assert set(models) == {"thinker", "talker"}
    assert models["thinker"]["meta"] == {"n_ctx": 512}
    assert models["thinker"]["status"] == {"value": "loaded"}
    props = server.client.get("/props", params={"model": "thinker"}).json()
    assert (props["model_alias"], props["default_generation_settings"]["n_ctx"]) == ("thinker", 512)
    assert server.client.get("/health").json()["status"] == "ok"


@pytest.mark.parametrize(
    ("fields", "status", "kind"),
    [
        ({"model": "gpt-5"}, 404, "not_found_error"),
        ({"n": 2}, 400, "invalid_request_error"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, 400, "invalid_request_error"),
        ({"json_schema": {"not": {}}}, 400, "invalid_request_error"),
        ({"grammar": "nonsense"}, 400, "invalid_request_error"),
        ({"messages": [{"role": "user", "content": "long " * 5000}]}, 400, "exceed_context_size_error"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_what_cannot_be_answered(
    server: RunningServer, fields: dict[str, Any], status: int, kind: str, *, stream: bool
) -> None:
    response = server.client.post(COMPLETIONS, json={**body(stream=stream), **fields})
    error = response.json()["error"]
    assert (response.status_code, error["type"], error["code"]) == (status, kind, status)
    if kind == "exceed_context_size_error":
        assert error["n_ctx"] == 512
        assert error["n_prompt_tokens"] > 512


def test_other_paths_and_methods(server: RunningServer) -> None:
    assert server.client.get("/v1/nothing").json()["error"]["code"] == 404
    assert server.client.get(COMPLETIONS).json()["error"]["code"] == 405
    assert server.client.post(COMPLETIONS, content=b"\xff{").json()["error"]["code"] == 400


def test_an_answer_at_the_end_is_continued(server: RunningServer) -> None:
    """In one response and as a stream: what is new, or all of it."""
    begun = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Well:\n\n"}]
    whole = server.ask(messages=begun, echo=True).json()["choices"][0]["message"]["content"]
    assert whole == "Well:\n\nJust 42!"
    for new in (
        server.ask(messages=begun).json()["choices"][0]["message"]["content"],
        joined(chunks(server, messages=begun), "content"),
    ):
        assert new == "Just 42!"
