"""Every kind of server of `tests/endpoints/scripts`: recognized, asked in its own fields, its failures understood."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mull.backends.base import check_supported
from mull.backends.openai.formats import format_fields
from mull.control import TurnControl
from mull.endpoints.errors import ServerError
from mull.errors import ContextOverflow, UsageError
from mull.events import Notice
from mull.messages import Message
from mull.settings import DEFAULT_SAMPLING, AnswerFormat, ReasoningAsk, Sampling, TurnSettings
from mull.structured import reading
from tests.backends.openai.conftest import Office, Open
from tests.endpoints.dialects import read_dialect
from tests.endpoints.scripted_server import End, as_json, serve
from tests.streams import check_stream

KINDS = {
    "llama_server": "llama-server",
    "llama_cpp_server": "llama_cpp.server",
    "vllm": "vLLM",
    "ollama": "Ollama",
    "ollama_v1": "Ollama",
    "lm_studio": "LM Studio",
    "openrouter": "OpenRouter",
    "other": "other",
}
SWITCHED = ("llama_server", "vllm", "ollama", "ollama_v1", "openrouter")
TOO_LONG = [Message("user", "long " * 2000)]


@pytest.mark.parametrize("name", KINDS)
def test_a_kind_is_recognized_and_answers(office: Open, name: str) -> None:
    here = office(name)
    assert here.backend.remote().kind == KINDS[name]
    assert here.backend.name == "thinker"
    done = here.ask()
    assert (done.answer, done.finish, done.error) == ("Forty-two.", "stop", None)
    assert done.thinking == ("" if name == "other" else "Let me see.")
    if name != "llama_cpp_server":
        assert done.usage.prompt > 0
        assert done.usage.thinking + done.usage.answer >= 4


@pytest.mark.parametrize("name", KINDS)
def test_switching_thinking_off_works_or_is_reported(office: Open, name: str) -> None:
    here = office(name)
    done = here.reasons(on=False)
    report = done.reasoning
    assert report.asked == "off"
    if name in SWITCHED:
        assert (report.applied, done.thinking, done.answer, report.notice) == ("off", "", "Just 42!", None)
    else:
        assert report.applied == "default"
        assert "no way to switch thinking off" in str(report.notice)
        assert "Let me see" not in done.answer


@pytest.mark.parametrize(
    ("name", "ask", "fields"),
    [
        ("vllm", {"on": False}, {"chat_template_kwargs": {"enable_thinking": False, "thinking": False}}),
        ("vllm", {"on": True, "budget": 9}, {"thinking_token_budget": 9}),
        (
            "vllm",
            {"effort": "low"},
            {
                "reasoning_effort": "low",
                "chat_template_kwargs": {"enable_thinking": True, "thinking": True},
            },
        ),
        ("ollama", {}, {"think": None}),
        ("ollama", {"on": False}, {"think": False}),
        ("ollama", {"on": True}, {"think": True}),
        ("ollama", {"effort": "high"}, {"think": "high"}),
        ("ollama_v1", {"on": False}, {"reasoning_effort": "none"}),
        ("ollama_v1", {"effort": "high"}, {"reasoning_effort": "high"}),
        ("openrouter", {"on": False}, {"reasoning": {"enabled": False}}),
        ("openrouter", {"effort": "high"}, {"reasoning": {"effort": "high"}}),
        ("openrouter", {"on": True, "budget": 9}, {"reasoning": {"enabled": True, "max_tokens": 9}}),
        ("llama_server", {"on": True, "budget": 9}, {"reasoning_budget_tokens": 9}),
        ("llama_server", {"on": False}, {"chat_template_kwargs": {"enable_thinking": False}}),
        ("other", {"effort": "high"}, {"reasoning_effort": "high"}),
    ],
)
def test_thinking_is_asked_for_in_the_kinds_own_fields(
    office: Open, name: str, ask: dict[str, Any], fields: dict[str, Any]
) -> None:
    here = office(name)
    done = here.reasons(**ask)
    assert {name: here.asked.get(name) for name in fields} == fields
    assert done.reasoning.notice is None
    assert done.reasoning.applied == done.reasoning.asked


@pytest.mark.parametrize(
    ("name", "ask", "missing"),
    [
        ("lm_studio", {"on": True}, "switch thinking on"),
        ("lm_studio", {"effort": "low"}, "choose its effort"),
        ("ollama", {"on": True, "budget": 5}, "limit its thinking"),
        ("llama_cpp_server", {"on": True, "budget": 5}, "switch thinking on or to limit its thinking"),
        ("other", {"on": True}, "switch thinking on"),
        ("openrouter", {"effort": "high", "budget": 9}, "choose an effort with a budget"),
    ],
)
def test_what_a_kind_cannot_do_is_said(office: Open, name: str, ask: dict[str, Any], missing: str) -> None:
    done = office(name).reasons(**ask)
    assert f"no way to {missing}." in str(done.reasoning.notice)
    if "budget" not in ask:
        assert done.reasoning.applied == "default"


@pytest.mark.parametrize("name", ["vllm", "llama_server"])
def test_a_budget_that_is_not_kept_is_reported(office: Open, name: str) -> None:
    done = office(name).reasons(on=True, budget=1)
    assert done.reasoning.notice == "The thinking exceeded its budget of 1 token."
    assert office(name).reasons(on=True, budget=3).reasoning.notice is None


def test_a_model_without_thinking_is_not_asked_for_it(office: Open) -> None:
    here = office("ollama")
    here.server.on("POST", "/api/show", as_json({"capabilities": ["completion"]}))
    here.backend.close()
    list(here.backend.load(TurnControl()))
    done = here.reasons(on=True)
    assert (done.reasoning.applied, bool(done.reasoning.notice)) == ("none", True)
    assert "think" not in here.asked


@pytest.mark.parametrize("name", ["llama_server", "vllm", "lm_studio", "openrouter", "other"])
def test_a_full_context_is_reported_in_every_dialects_words(office: Open, name: str) -> None:
    here = office(name)
    with pytest.raises(ContextOverflow) as caught:
        list(here.backend.stream(TOO_LONG, TurnSettings(), TurnControl()))
    assert (caught.value.prompt_tokens, caught.value.context_tokens) == (2000, 512)


def test_llama_cpp_servers_empty_stream_is_a_failure(office: Open) -> None:
    here = office("llama_cpp_server")
    with pytest.raises(ServerError, match="empty answer") as caught:
        list(here.backend.stream(TOO_LONG, TurnSettings(), TurnControl()))
    assert "context" in caught.value.hint


def test_a_prompt_that_ollama_would_cut_is_reported(office: Open) -> None:
    here = office("ollama")
    here.server.on("GET", "/api/ps", as_json({"models": [{"name": "thinker:latest", "context_length": 512}]}))
    here.backend.close()
    list(here.backend.load(TurnControl()))
    here.plays(*here.dialect.chunks([], ["Hm."]))
    events = here.backend.stream(TOO_LONG, TurnSettings(), TurnControl())
    assert "prompt_cut" in [event.code for event in events if isinstance(event, Notice)]
    assert "prompt_cut" not in [event.code for event in here.events() if isinstance(event, Notice)]


@pytest.mark.parametrize("name", ["vllm", "ollama", "ollama_v1", "openrouter", "other"])
def test_an_unknown_model_is_the_servers_to_refuse(office: Open, name: str) -> None:
    with pytest.raises(ServerError) as caught:
        office(name, model="nope").ask()
    assert caught.value.code in {"endpoint_not_found", "endpoint_refused"}


def test_a_name_that_means_the_same_model_is_kept() -> None:
    with serve() as server:
        here = Office(server, read_dialect("llama_server", model="/models/Thinker.gguf"), "thinker")
        assert not [event for event in here.loading if isinstance(event, Notice)]
        assert (here.backend.name, here.ask().model) == ("thinker", "thinker")


def test_a_server_that_ignores_the_name_is_named(office: Open) -> None:
    here = office("llama_server", model="gpt-5")
    (notice,) = (event for event in here.loading if isinstance(event, Notice))
    assert (notice.code, notice.text) == ("another_model", "office has no model gpt-5: thinker answers.")
    assert here.ask().answer == "Forty-two."


@pytest.mark.parametrize(
    ("asked", "served", "same"),
    [
        ("gpt-4o", "gpt-4o-2024-08-06", True),
        ("thinker", "/models/Thinker.gguf", True),
        ("deepseek/deepseek-r1:free", "deepseek/deepseek-r1", True),
        ("qwen3:8b", "", True),
        ("openrouter/auto", "mistralai/mistral-small", False),
        ("qwen3:8b", "llama3:8b", False),
    ],
)
def test_another_model_than_the_one_that_was_asked_is_named(
    office: Open, asked: str, served: str, same: bool
) -> None:
    here = office("other", model=asked)
    here.dialect = replace(here.dialect, model=served)
    here.plays(*here.dialect.chunks([], ["Hi"]))
    notices = [event.text for event in here.events() if isinstance(event, Notice)]
    assert notices == ([] if same else [f"office answers with {served}, not with {asked}."])


@pytest.mark.parametrize("name", KINDS)
def test_an_error_in_mid_stream_keeps_what_came(office: Open, name: str) -> None:
    here = office(name)
    chunks = [
        chunk for chunk in here.dialect.chunks([], ["For", "ty"]) if b'"For"' in chunk or b'"ty"' in chunk
    ]
    here.plays(*chunks, here.dialect.broken())
    done = here.ask()
    assert (done.answer, done.finish) == ("Forty", "error")
    assert done.error is not None
    assert done.error.code == "endpoint_failed"
    assert done.exit_code == 1
    here.plays(here.dialect.broken())
    with pytest.raises(ServerError):
        here.ask()


@pytest.mark.parametrize("name", KINDS)
def test_a_cut_stream_is_no_answer(office: Open, name: str) -> None:
    here = office(name)
    whole = here.dialect.chunks([], ["For", "ty"], usage=False)
    before_the_last = whole.index(next(one for one in whole if b'"stop"' in one))
    here.plays(*whole[:before_the_last])
    done = here.ask()
    assert (done.answer, done.finish) == ("Forty", "error")
    assert done.error is not None
    assert done.error.code == "connection_lost"


@pytest.mark.parametrize("name", KINDS)
def test_a_key_that_is_missing_is_asked_for(office: Open, name: str) -> None:
    with pytest.raises(ServerError) as caught:
        office(name, key="sk-1").ask()
    assert caught.value.code == "endpoint_key"


def test_sampling_that_is_not_set_is_left_to_the_server(office: Open) -> None:
    here = office("vllm")
    here.ask()
    assert not {"temperature", "top_k", "top_p"} & here.asked.keys()
    here.ask(sampling=Sampling(temperature=0.0, repeat_penalty=1.2, seed=7, top_k=3))
    given = {name: here.asked.get(name) for name in ("temperature", "repetition_penalty", "seed", "top_k")}
    assert given == {"temperature": 0.0, "repetition_penalty": 1.2, "seed": 7, "top_k": 3}


def test_sampling_that_a_kind_does_not_know_is_said(office: Open) -> None:
    here = office("ollama_v1")
    events = here.events(sampling=Sampling(top_k=3, temperature=0.1, dry_multiplier=0.8))
    (notice,) = (event for event in events if isinstance(event, Notice))
    assert notice.text == "office does not take top_k, dry_multiplier."
    assert here.events(sampling=DEFAULT_SAMPLING)[0] != notice


def test_ollamas_own_api_gets_what_v1_has_no_words_for(office: Open) -> None:
    here = office("ollama", limit=8192)
    sampling = Sampling(top_k=3, min_p=0.1, repeat_last_n=9, seed=7, dry_multiplier=0.8)
    wanted = reading.from_schema({"type": "integer"})
    here.plays(*here.dialect.chunks([], ["4", "2"], prompt=11), kind=here.dialect.kind)
    events = here.events(sampling=sampling, max_tokens=50, stop=("###",), answer_format=wanted)
    done = check_stream(events)
    notices = [event.text for event in events if isinstance(event, Notice)]
    assert notices == ["office does not take dry_multiplier."]
    options = {"num_ctx": 8192, "num_predict": 50, "top_k": 3, "min_p": 0.1, "repeat_last_n": 9, "seed": 7}
    assert here.asked == {
        "model": "thinker",
        "messages": [{"role": "user", "content": "Hi"}],
        "stream": True,
        "options": options,
        "format": {"type": "integer"},
    }
    assert (done.answer, done.finish, done.usage.prompt, done.usage.answer) == ("42", "stop", 11, 2)
    assert done.timing.tokens_per_second == 2 / 0.02
    assert here.backend.context_tokens == 8192
    here.ask(reasoning=ReasoningAsk(on=False), stop=("###",))
    assert here.asked["options"]["stop"] == ["###"]  # no thinking that it could end


def test_a_context_that_is_told_after_loading_is_known_from_the_first_turn_on(office: Open) -> None:
    here = office("ollama")
    here.server.on("GET", "/api/ps", as_json({"models": []}))
    here.backend.close()
    list(here.backend.load(TurnControl()))
    here.plays(*here.dialect.chunks([], ["Hm."]), kind=here.dialect.kind)
    assert here.backend.context_tokens is None
    here.server.on("GET", "/api/ps", as_json({"models": [{"name": "thinker:latest", "context_length": 512}]}))
    here.ask()
    assert here.backend.context_tokens == 512


def test_a_server_that_never_tells_its_context_is_looked_at_once_more(office: Open) -> None:
    here = office("ollama")
    here.server.on("GET", "/api/ps", as_json({"models": []}))
    here.backend.close()
    list(here.backend.load(TurnControl()))
    here.plays(*here.dialect.chunks([], ["Hm."]), kind=here.dialect.kind)
    before = len(here.server.sent_to("/api/ps"))
    for _ in range(3):
        here.ask()
    assert len(here.server.sent_to("/api/ps")) == before + 1


def test_a_context_of_the_config_is_that_of_a_server_that_tells_none(office: Open) -> None:
    assert office("other").backend.context_tokens is None
    assert office("other", limit=512).backend.context_tokens == 512


@pytest.mark.parametrize(
    ("name", "sent", "missing"),
    [
        (
            "llama_server",
            {"xtc_probability": 0.5, "mirostat": 2, "logit_bias": [[5, -200.0], ["no", False]]},
            "",
        ),
        (
            "llama_cpp_server",
            {"mirostat_mode": 2, "logit_bias": {"5": -100.0}},
            "xtc_probability, logit_bias",
        ),
        ("vllm", {"logit_bias": {"5": -100.0}}, "xtc_probability, mirostat, logit_bias"),
    ],
)
def test_samplers_are_sent_where_a_dialect_knows_them(
    office: Open, name: str, sent: dict[str, Any], missing: str
) -> None:
    here = office(name)
    given = Sampling(xtc_probability=0.5, mirostat=2, logit_bias=("5=-200", "no=-inf"))
    events = here.events(sampling=given)
    assert {key: here.asked.get(key) for key in sent} == sent
    notices = [event.text for event in events if isinstance(event, Notice) and "not take" in event.text]
    assert notices == ([f"office does not take {missing}."] if missing else [])


def test_a_schema_is_sent_and_checked(office: Open) -> None:
    here = office("vllm")
    wanted = reading.from_schema({"type": "integer"})
    done = here.ask(answer_format=wanted)
    form = here.asked["response_format"]
    assert (form["type"], form["json_schema"]["schema"]) == ("json_schema", {"type": "integer"})
    assert (done.finish, done.exit_code) == ("schema", 5)
    here.plays(*here.dialect.chunks([], ["4", "2"]))
    assert here.ask(answer_format=wanted).finish == "stop"


@pytest.mark.parametrize(
    ("kind", "wanted", "fields"),
    [
        ("vllm", reading.from_choices(["yes", "no"]), {"structured_outputs": {"choice": ["yes", "no"]}}),
        ("vllm", reading.from_regex("[0-9]+"), {"structured_outputs": {"regex": "[0-9]+"}}),
        ("vllm", reading.from_lark('start: "x"'), {"structured_outputs": {"grammar": 'start: "x"'}}),
        ("llama_server", reading.from_choices(["a\n", 'b"']), {"grammar": 'root ::= "a\\n" | "b\\""\n'}),
    ],
)
def test_each_kind_of_server_gets_its_own_spelling(
    office: Open, kind: str, wanted: AnswerFormat, fields: dict[str, object]
) -> None:
    here = office(kind)
    here.ask(answer_format=wanted, reasoning=ReasoningAsk(on=False))
    assert {name: here.asked.get(name) for name in fields} == fields


def test_sglang_has_names_of_its_own() -> None:
    """It has no scripted server."""
    assert format_fields("SGLang", reading.from_choices(["a.", "b"])) == {"regex": r"(a\.|b)"}
    assert format_fields("SGLang", reading.from_gbnf('root ::= "x"')) == {"ebnf": 'root ::= "x"'}


def test_a_server_that_ignores_the_choices_is_caught(office: Open) -> None:
    here = office("vllm")
    wanted = reading.from_choices(["Forty", "Forty-two"])
    assert here.ask(answer_format=wanted).exit_code == 5
    here.plays(*here.dialect.chunks([], ["Forty", "-two"]))
    assert here.ask(answer_format=wanted).exit_code == 0


def test_what_a_server_cannot_constrain_is_refused(office: Open) -> None:
    here = office("ollama")
    with pytest.raises(UsageError, match="a regular expression"):
        check_supported(here.backend, TurnSettings(answer_format=reading.from_regex("a")))


def test_a_grammar_that_binds_the_thinking_is_said(office: Open) -> None:
    here = office("llama_server")
    wanted = reading.from_gbnf('root ::= "x"')
    for on, said in ((None, True), (False, False)):
        events = here.events(answer_format=wanted, reasoning=ReasoningAsk(on=on))
        notices = [event.text for event in events if isinstance(event, Notice)]
        assert any("constrains the thinking too" in text for text in notices) is said
        assert here.asked["grammar"] == wanted.source


def test_a_server_that_refuses_stream_options_is_asked_without(office: Open) -> None:
    here = office("other")
    refusal = as_json({"detail": [{"msg": "Extra inputs are not permitted: stream_options"}]}, 422)
    here.server.once("POST", here.dialect.chat, refusal)
    assert here.ask().answer == "Forty-two."
    assert "stream_options" not in here.asked


def test_stop_strings_end_the_answer_never_the_thinking(office: Open) -> None:
    here = office("vllm")
    done = here.ask(stop=("me", "-two"))
    assert (done.thinking, done.answer, done.finish) == ("Let me see.", "Forty", "stop")
    assert "stop" not in here.asked
    here.plays(*here.dialect.chunks([], ["Forty", "-two"], usage=False)[:-2], End.HOLD)
    assert here.ask(stop=("-two",)).answer == "Forty"
    assert here.server.sent_to(here.dialect.chat)[-1].left.wait(10)
