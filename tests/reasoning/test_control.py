"""From request to decision: by the family's own means, and an honest report where there is none."""

from __future__ import annotations

import pytest

from mull.reasoning.control import MINIMUM_BUDGET, ReasoningDecision, decide
from mull.reasoning.profiler import profile
from mull.settings import ReasoningAsk
from tests.reasoning import templates as t


def decided(source: str | None, **ask: object) -> ReasoningDecision:
    return decide(ReasoningAsk(**ask), profile(source))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("source", "on", "arguments", "applied", "how"),
    [
        (t.CLOSED, True, {"enable_thinking": True}, "on", "template: enable_thinking=true"),
        (t.CLOSED, False, {"enable_thinking": False}, "off", "template: enable_thinking=false"),
        (t.CLOSED, None, {}, "default", "the model's default (on)"),
        (t.BARE, None, {}, "default", "the model's default (off)"),
        (t.MODE, None, {}, "default", "the model decides"),
        (t.MODE, False, {"thinking_mode": "disabled"}, "off", "template: thinking_mode=disabled"),
        (t.WORDS, False, {}, "off", "text: /no_think in the user message"),
        (t.ALWAYS, True, {}, "always", "this model always thinks"),
        (t.ALWAYS, None, {}, "always", "this model always thinks"),
        (t.PLAIN, None, {}, "none", "this model has no thinking mode"),
        (t.PLAIN, False, {}, "none", "this model has no thinking mode"),
        (t.TOKENS, False, {"thinking_budget": 0}, "off", "template: thinking_budget=0"),
        (t.PROMPTED, False, {}, "off", "text: a plain system prompt"),
        (t.SWAPPED, False, {"thinking_mode": "on"}, "off", "template: thinking_mode=on"),
        (t.OFF_OPENS, True, {"thinking_mode": "on"}, "on", "template: thinking_mode=on"),
        (
            *(t.OFF_OPENS, False, {"thinking_mode": "off"}, "off"),
            "template: thinking_mode=off; prefill: </think>",
        ),
        (t.ROLES, True, {"force_reasoning": True}, "on", "template: force_reasoning=true"),
        (t.ROLES, False, {"skip_reasoning": True}, "off", "template: skip_reasoning=true"),
        (t.SKIPPED, True, {"must_think": True}, "on", "template: must_think=true"),
        (t.SKIPPED, False, {"disable_think": True}, "off", "template: disable_think=true"),
        (t.ROLES, None, {}, "default", "the model decides"),
        (t.NEVER, False, {}, "none", "this model has no thinking mode"),
        (None, None, {}, "none", "this model has no thinking mode"),
    ],
)
def test_each_kind_of_switch_is_used(
    source: str | None, on: bool | None, arguments: dict[str, object], applied: str, how: str
) -> None:
    found = decided(source, on=on)
    assert (dict(found.arguments), found.applied, found.how) == (arguments, applied, how)
    assert found.notice is None
    assert found.asked == {True: "on", False: "off", None: "default"}[on]


def test_real_booleans_are_passed() -> None:
    assert decided(t.CLOSED, on=False).arguments["enable_thinking"] is False


def test_off_by_prefill_starts_the_answer() -> None:
    found = decided(t.CHANNELS, on=False)
    assert found.prefill == "<|channel|>final<|message|>"
    assert found.applied == "off"
    assert found.how == "prefill: <|channel|>final<|message|>"
    assert found.hide


def test_off_is_reported_as_impossible_where_the_model_always_thinks() -> None:
    found = decided(t.ALWAYS, on=False)
    assert (found.asked, found.applied, found.budget, found.hide) == ("off", "always", MINIMUM_BUDGET, True)
    assert found.notice == "This model's thinking cannot be switched off; it is limited and hidden."
    assert "\n" not in found.notice


@pytest.mark.parametrize(("effort", "tokens"), [("low", 512), ("medium", 2048), ("high", 8192)])
def test_effort_without_an_effort_argument_is_a_budget(effort: str, tokens: int) -> None:
    found = decided(t.CLOSED, effort=effort)
    assert (found.budget, found.applied, found.asked) == (tokens, effort, effort)
    assert found.arguments == {"enable_thinking": True}
    assert found.notice is None


def test_effort_uses_the_effort_argument() -> None:
    found = decided(t.CHANNELS, effort="high")
    assert found.arguments == {"reasoning_effort": "high"}
    assert found.budget is None
    assert found.how == "template: reasoning_effort=high"


def test_an_effort_the_family_does_not_have_is_reported() -> None:
    found = decided(t.STRICT_EFFORT, effort="medium")
    assert found.arguments == {"effort": "high"}
    assert found.budget == 2048
    assert found.notice == (
        "This model has no effort level medium; the nearest, high, is used with a budget of 2048 tokens."
    )


def test_a_budget_implies_thinking_and_limits_an_effort() -> None:
    assert decided(t.BARE, budget=100).arguments == {"thinking": True}
    assert decided(t.BARE, budget=100).budget == 100
    assert decided(t.BARE, budget=100, effort="high").budget == 100
    assert decided(t.BARE, budget=9999, effort="low").budget == 512
    assert (decided(t.BARE, budget=100).asked, decided(t.BARE, budget=0).asked) == ("on", "off")
    assert decided(t.BARE, budget=1).how == "template: thinking=true; budget of 1 token"
    assert decided(t.BARE, budget=0).applied == "off"
    assert decided(t.ALWAYS, budget=0).applied == "always"
    assert decided(t.BARE, budget=100, on=False).applied == "off"


@pytest.mark.parametrize(
    ("ask", "effect"),
    [
        ({"on": True}, "--reason is ignored"),
        ({"effort": "low"}, "--effort is ignored"),
        ({"budget": 64}, "--think-budget has nothing to limit"),
    ],
)
def test_a_model_without_a_thinking_mode_reports_the_flag_without_effect(
    ask: dict[str, object], effect: str
) -> None:
    found = decided(t.PLAIN, **ask)
    assert found.applied == "none"
    assert found.notice == f"This model has no thinking mode; {effect}."


def test_unrequested_thinking_is_hidden() -> None:
    assert decided(t.PLAIN, on=False).hide
    assert decided(t.CLOSED, on=False).hide
    assert not decided(t.PLAIN).hide


@pytest.mark.parametrize(
    ("effort", "arguments", "budget"),
    [("low", {"low_effort": True}, None), ("medium", {}, 2048), ("high", {}, 8192)],
)
def test_an_effort_flag_for_one_grade(effort: str, arguments: dict[str, object], budget: int | None) -> None:
    found = decided(t.LITTLE, effort=effort)
    assert (found.arguments, found.budget) == ({"enable_thinking": True, **arguments}, budget)
    assert found.notice is None


def test_the_default_of_a_model_that_thinks_by_its_system_prompt_is_described() -> None:
    assert decided(t.PROMPTED).how == "the model's default (on, unless there is a system prompt)"


def test_the_report_is_what_the_result_carries() -> None:
    report = decided(t.ALWAYS, on=False).report()
    assert (report.asked, report.applied) == ("off", "always")
    assert report.notice
    assert "budget" in report.how
