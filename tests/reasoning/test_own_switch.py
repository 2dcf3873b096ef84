"""The user's own switch in a message or the system prompt: heeded like a flag, or one line says why not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mull.chat_template.render import render
from mull.messages import Message
from mull.reasoning.chat_messages import to_chat
from mull.reasoning.control import ReasoningDecision, decide
from mull.reasoning.profiler import profile
from mull.settings import ReasoningAsk
from tests.conftest import Run
from tests.model_files.scripted import write_scripted
from tests.reasoning import templates as t

ALWAYS = "this model's thinking cannot be switched off. --no-reason limits it."


def said(text: str, system: str | None = None) -> list[Message]:
    return [*([] if system is None else [Message("system", system)]), Message("user", text)]


def decided(source: str, messages: list[Message], **ask: object) -> ReasoningDecision:
    return decide(ReasoningAsk(**ask), profile(source), messages)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("messages", "asked"),
    [
        (said("Where? /no_think"), "off"),
        (said("/no_think Where?"), "off"),
        (said("Where?\n/nothink\nSay it."), "off"),
        (said("Where? /think"), "on"),
        (said("Where?", "Be brief. /no_think Always."), "off"),
        (said("Where?", "Detailed thinking off"), "off"),
        (said("Where? /think", "/no_think"), "on"),  # the most recent word counts
        ([*said("One? /no_think"), Message("assistant", "Yes. /think"), *said("Two?")], "off"),
        ([*said("One? /no_think"), Message("assistant", "Yes."), *said("Two? /think")], "on"),
        (said("What does /no_think do in Qwen3?"), "default"),  # only mentioned
        (said("cat /think/notes.txt"), "default"),
        (said("Where is a/no_think"), "default"),
        (said("Where?", "The path is /usr/think"), "default"),
    ],
)
def test_which_word_counts(messages: list[Message], asked: str) -> None:
    found = decided(t.CLOSED, messages)
    assert found.asked == asked
    assert dict(found.arguments) == {"on": {"enable_thinking": True}, "off": {"enable_thinking": False}}.get(
        asked, {}
    )


@pytest.mark.parametrize(
    ("source", "word", "applied", "how", "notice"),
    [
        (t.CLOSED, "/no_think", "off", "template: enable_thinking=false, for /no_think in the message", None),
        (
            t.WORDS,
            "/no_think",
            "off",
            "text: /no_think in the user message, for /no_think in the message",
            None,
        ),
        (
            t.CHANNELS,
            "/no_think",
            "off",
            "prefill: <|channel|>final<|message|>, for /no_think in the message",
            None,
        ),
        (
            *(t.ALWAYS, "/no_think", "always", "this model always thinks"),
            f"/no_think in the message has no effect: {ALWAYS}",
        ),
        (t.PLAIN, "/no_think", "none", "this model has no thinking mode", None),
        (
            *(t.PLAIN, "/think", "none", "this model has no thinking mode"),
            "/think in the message has no effect: this model has no thinking mode.",
        ),
    ],
)
def test_what_it_does(source: str, word: str, applied: str, how: str, notice: str | None) -> None:
    found = decided(source, said(f"Where? {word}"))
    assert (found.applied, found.how, found.notice) == (applied, how, notice)


@pytest.mark.parametrize(
    ("source", "messages", "asked"),
    [
        (t.CHANNELS, said("Where?", "Be brief.\nReasoning: high"), "high"),
        (t.CHANNELS, said("Where?", "reasoning: LOW"), "low"),
        (t.CHANNELS, said("Reasoning: high\nWhere?"), "high"),
        (t.CHANNELS, said("Where?", "Reasoning: highly structured"), "default"),
        (t.CHANNELS, said("Is “Reasoning: high” a line of gpt-oss?"), "default"),
        (t.CLOSED, said("Where?", "Reasoning: high"), "default"),  # no such line in its template
    ],
)
def test_a_level_of_effort_counts_where_the_template_writes_one(
    source: str, messages: list[Message], asked: str
) -> None:
    found = decided(source, messages)
    assert found.asked == asked
    if asked != "default":
        assert (dict(found.arguments), found.notice) == ({"reasoning_effort": asked}, None)
        assert f"Reasoning: {asked}<|end|>" in prompt(source, messages)


@pytest.mark.parametrize("ask", [{"on": True}, {"effort": "low"}, {"budget": 9}], ids=str)
def test_a_flag_beats_it(ask: dict[str, object]) -> None:
    messages = said("Where? /no_think")
    assert decided(t.CLOSED, messages, **ask) == decided(t.CLOSED, [], **ask)


def prompt(source: str, messages: list[Message]) -> str:
    found = profile(source)
    decision = decide(ReasoningAsk(), found, messages)
    segments = render(found.template, to_chat(messages, found, decision), arguments=decision.arguments)
    return "".join(segment.text for segment in segments)


def test_a_template_that_heeds_the_word_gets_it_once() -> None:
    closed = "<|im_start|>assistant\n<think></think>"
    assert prompt(t.WORDS, said("Where? /no_think")) == f"<|im_start|>user\nWhere? <|im_end|>\n{closed}"
    system = prompt(t.SYSTEM_WORDS, said("Where?", "Be brief. /no_think"))
    assert system.count("/no_think") == 1
    assert system.endswith("<think>\n\n</think>\n\n")


def test_the_text_stays_where_only_the_model_knows_the_word() -> None:
    assert prompt(t.CLOSED, said("Where? /no_think")).endswith(
        "<|im_start|>user\nWhere? /no_think<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"
    )


def test_the_report_names_it(mull: Run, tmp_path: Path) -> None:
    path = write_scripted(tmp_path / "m.gguf", ["Paris."], template=t.CLOSED)
    done = json.loads(mull("-m", path, "--json", "--system", "Be brief. /no_think", "Where?").stdout)
    assert done["reasoning"] == {
        "asked": "off",
        "applied": "off",
        "how": "template: enable_thinking=false, for /no_think in the system prompt",
        "notice": None,
    }
