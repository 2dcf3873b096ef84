"""Profiles of unknown templates: small ones with one mechanism each, all detected by probing."""

from __future__ import annotations

import pytest

from mull.errors import TemplateError
from mull.reasoning.describe import as_json, as_lines
from mull.reasoning.profile import Profile
from mull.reasoning.profiler import profile
from tests.reasoning import templates as t


def facts(source: str, **known: str) -> tuple[object, ...]:
    """kind, default, (argument, on, off), prefill on, prefill off, off"""
    found = as_json(profile(source, **known))
    switch = found["switch"] and tuple(found["switch"].values())
    return (
        found["kind"],
        found["default"],
        switch,
        found["prefill"]["on"],
        found["prefill"]["off"],
        found["off"],
    )


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (t.PLAIN, ("none", "none", None, "none", "none", "cannot")),
        (t.CLOSED, ("switchable", "on", ("enable_thinking", True, False), "none", "closed", "template")),
        (t.OPENED, ("switchable", "on", ("enable_thinking", True, False), "open", "closed", "template")),
        (t.BARE, ("switchable", "off", ("thinking", True, False), "open", "bare", "template")),
        (t.ALWAYS, ("always", "on", None, "open", "open", "cannot")),
        (t.WORDS, ("switchable", "on", (None, "/think", "/no_think"), "open", "closed", "text")),
        (
            t.MODE,
            ("switchable", "none", ("thinking_mode", "enabled", "disabled"), "open", "bare", "template"),
        ),
        (
            t.STRICT_EFFORT,
            ("switchable", "off", ("effort", "high", "no_think"), "open", "closed", "template"),
        ),
        (t.TOKENS, ("switchable", "on", ("thinking_budget", -1, 0), "none", "closed", "template")),
        (t.WRAPPED, ("switchable", "on", ("reasoning", True, False), "open", "closed", "template")),
        (t.FINAL, ("always", "on", None, "none", "none", "cannot")),
        (
            t.PROMPTED,
            ("switchable", "on", (None, "", "You are a helpful assistant."), "none", "none", "text"),
        ),
        (t.UNENDED, ("always", "on", None, "open", "open", "cannot")),
        (t.UNSPELLED, ("switchable", "off", ("enable_thinking", True, False), "none", "none", "template")),
        (t.STRIPPED, ("none", "none", None, "none", "none", "cannot")),
        (t.HANDED_BACK, ("none", "none", None, "none", "none", "cannot")),
        (t.NEVER, ("none", "none", None, "closed", "closed", "cannot")),
        (t.NEVER_SWITCHED, ("none", "none", None, "closed", "closed", "cannot")),
        (t.OFF_OPENS, ("switchable", "none", ("thinking_mode", "on", "off"), "open", "closed", "template")),
        (t.SWAPPED, ("switchable", "none", ("thinking_mode", "off", "on"), "open", "closed", "template")),
        (t.TOOLS_THINK, ("none", "none", None, "none", "none", "cannot")),
        (t.OWN_MODES, ("switchable", "none", ("thinking_mode", "full", "skip"), "open", "bare", "template")),
        (
            t.OPENED_BY_DEFAULT,
            ("switchable", "on", ("enable_thinking", True, False), "open", "closed", "template"),
        ),
        (
            t.GRADED_OFF,
            ("switchable", "off", ("reasoning_effort", "high", "none"), "none", "none", "template"),
        ),
        (t.PARTS, ("none", "none", None, "none", "none", "cannot")),
        (t.BLOCKED, ("switchable", "off", ("thinking", True, False), "none", "none", "template")),
    ],
    ids=lambda value: (
        next((n for n, s in t.ALL.items() if s == value), "facts") if isinstance(value, str) else ""
    ),
)
def test_a_mechanism_is_found_by_probing(source: str, expected: tuple[object, ...]) -> None:
    assert facts(source) == expected


def test_a_family_with_headers_is_found() -> None:
    found = profile(t.CHANNELS)
    assert (found.kind, found.default, found.off) == ("effort", "on", "prefill")
    assert found.start == "<|channel|>analysis<|message|>"
    assert found.end == "<|end|>"
    assert found.answer_start == "<|channel|>final<|message|>"
    assert (found.header, found.restart) == ("<|message|>", "<|start|>assistant")
    assert found.turn_ends == ("<|return|>",)
    assert {"<|end|>", "<|channel|>", "<|message|>", "<|start|>"} <= found.continues
    assert as_json(found)["effort"] == {"low": "low", "medium": "medium", "high": "high"}


def test_an_effort_that_would_raise_is_replaced_by_the_next_higher_one() -> None:
    found = profile(t.STRICT_EFFORT).effort
    assert found is not None
    assert dict(found.values) == {"low": "low", "medium": "high", "high": "high"}
    assert found.budget == {"medium"}


@pytest.mark.parametrize(
    ("source", "argument", "values", "budget"),
    [
        (t.LITTLE, "low_effort", [True, None, None], {"medium", "high"}),
        (t.BEYOND_HIGH, "reasoning_effort", ["low", "medium", "xhigh"], {"high"}),
        (t.UNKNOWN_IS_MAX, "reasoning_effort", ["low", "high", "high"], {"medium"}),
    ],
)
def test_efforts_of_other_kinds(source: str, argument: str, values: list[object], budget: set[str]) -> None:
    found = profile(source).effort
    assert found is not None
    assert (found.argument, list(found.values.values()), found.budget) == (argument, values, budget)


@pytest.mark.parametrize(
    ("source", "start", "end"),
    [
        (t.UNENDED, "<think>", "</think>"),
        (t.UNENDED.replace("<think>", "[THINK]"), "[THINK]", "[/THINK]"),
        (t.UNENDED.replace("<think>", "◁think▷"), "◁think▷", "◁/think▷"),
        (t.UNENDED.replace("<think>", "<|START_THINKING|>"), "<|START_THINKING|>", "<|END_THINKING|>"),
        (t.UNSPELLED, "<think>", "</think>"),
        (t.STRIPPED, "<|ponder>", "<ponder|>"),
    ],
)
def test_tags_are_found_though_never_shown_as_a_pair(source: str, start: str, end: str) -> None:
    assert (profile(source).start, profile(source).end) == (start, end)


@pytest.mark.parametrize(
    ("on", "off", "tags"),
    [
        ("<|muse|>", "<|muse|><|speak|>", ("<|muse|>", "<|speak|>")),
        ("", "<|muse|><|speak|>", ("<|muse|>", "<|speak|>")),
        ("<|muse|>", "<|speak|>", ("<|muse|>", "<|speak|>")),
        ("<|muse_start|>", "", ("<|muse_start|>", "<|muse_end|>")),
        ("", "<|muse_end|>", ("<|muse_start|>", "<|muse_end|>")),
    ],
)
def test_tags_that_only_the_generation_prompt_shows_are_found(
    on: str, off: str, tags: tuple[str, str]
) -> None:
    written = "{{ '<|muse|>' if thinking else '<|muse|><|speak|>' }}"
    assert written in t.UNNAMED_TAGS
    found = profile(t.UNNAMED_TAGS.replace(written, f"{{{{ '{on}' if thinking else '{off}' }}}}"))
    assert (found.start, found.end) == tags


def test_an_answers_wrapper_is_found_by_what_is_taken_off() -> None:
    assert (profile(t.UNWRAPPED).answer_start, profile(t.UNWRAPPED).answer_end) == ("<answer>", "</answer>")


def test_contents_in_parts_are_found() -> None:
    assert profile(t.PARTS).parts
    assert not profile(t.PLAIN).parts


def test_gemma_4_is_known_without_a_named_thinking_channel() -> None:
    found = profile(t.UNNAMED_CHANNELS)
    assert (found.start, found.end) == ("<|channel>thought", "<channel|>")


def test_a_budget_argument_takes_tokens() -> None:
    found = profile(t.TOKENS).effort
    assert found is not None
    assert dict(found.values) == {"low": 512, "medium": 2048, "high": 8192}


def test_wrapped_answers_and_turn_ends_are_found() -> None:
    found = profile(t.WRAPPED)
    assert (found.answer_start, found.answer_end) == ("<|START_TEXT|>", "<|END_TEXT|>")
    assert found.turn_ends == ("<|turn_end|>",)
    assert found.history_field == "reasoning"
    assert profile(t.BLOCKED).answer_start == "<response>"


def test_square_markers_are_found() -> None:
    found = profile(t.SYSTEM_WORDS)
    assert found.switch is not None
    assert found.switch.place == "system"
    assert (found.prompts.header, found.turn_ends) == ("[|assistant|]", ("[|endofturn|]",))


@pytest.mark.parametrize(
    ("source", "start", "end"),
    [
        (t.TOOLS, "<tool_call>", "</tool_call>"),
        (t.CALLS_AS_LIST, "[TOOL_CALLS]", None),
        (t.CALLS_BY_NAME, "<function=", "</function>"),
        (t.CALLS_IN_SECTIONS, "<|calls_begin|>", "<|calls_end|>"),
        (t.CALLS_BY_PLUGIN, "<|plugin|>", "<|/plugin|>"),
        (t.CALLS_BY_LINE, None, None),
        (t.THOUGHT_BEFORE_CALLS, "<tool_call>", "</tool_call>"),
    ],
)
def test_the_markers_of_tool_calls_are_found(source: str, start: str | None, end: str | None) -> None:
    found = profile(source)
    assert (found.tool_start, found.tool_end) == (start, end)


def test_a_tool_call_in_a_channel_ends_the_turn() -> None:
    found = profile(t.CALLS_IN_CHANNELS)
    assert found.turn_ends == ("<|return|>", "<|call|>")
    assert (found.tool_start, found.tool_end) == (None, None)


def test_strict_roles_are_found() -> None:
    found = profile(t.STRICT_ROLES)
    assert (found.system, found.alternates) == (False, True)
    assert profile(t.PLAIN).system
    assert not profile(t.PLAIN).alternates


@pytest.mark.parametrize(
    ("tag", "extra"),
    [("<seed:think>", ""), ("<thought>", ""), ("<|think|>", ""), ("<reasoning>", "{#x#}"), ("[THINK]", "")],
)
def test_any_spelling_of_the_tags_is_found(tag: str, extra: str) -> None:
    closer = tag.replace("<|", "<|/") if tag.startswith("<|") else tag[0] + "/" + tag[1:]
    found = profile(t.OPENED.replace("</think>", closer).replace("<think>", tag) + extra)
    assert (found.start, found.end) == (tag, closer)
    assert (found.prefill(found.prompts.on), found.prefill(found.prompts.off)) == ("open", "closed")


@pytest.mark.parametrize("name", ["think", "with_reasoning", "use_thinking", "deliberate_reasoning"])
def test_any_name_of_the_switch_is_found(name: str) -> None:
    found = profile(t.BARE.replace("thinking", name))
    assert found.switch is not None
    assert (found.switch.argument, found.switch.on, found.switch.off) == (name, True, False)


def test_an_inverted_switch_is_recognized() -> None:
    found = profile(t.BARE.replace("if thinking", "if not disable_thinking"))
    assert found.switch is not None
    assert (found.switch.argument, found.switch.on, found.switch.off) == ("disable_thinking", False, True)
    assert found.default == "on"


def test_an_argument_without_effect_is_no_switch() -> None:
    assert facts(t.PLAIN + "{% if enable_thinking %}{% endif %}")[:3] == ("none", "none", None)
    assert facts(t.ALWAYS + "{% set keep_thinking = keep_thinking | default(true) %}")[:3] == (
        "always",
        "on",
        None,
    )


def test_an_end_marker_in_user_text_is_not_a_prefill() -> None:
    assert profile(t.CHANNELS).prefill(profile(t.CHANNELS).prompts.default) == "none"


def test_the_models_name_decides_where_the_template_does_not() -> None:
    silent = t.PLAIN
    assert facts(silent, name="Llama-3_3-Nemotron-Super-49B", architecture="deci")[:3] == (
        "switchable",
        "on",
        (None, "detailed thinking on", "detailed thinking off"),
    )
    assert facts(silent, name="Llama-3.1-Nemotron-70B-Instruct", architecture="llama")[0] == "none"
    hermes = profile(silent, name="DeepHermes 3 Llama 3 8B Preview", architecture="llama")
    assert (hermes.kind, hermes.default, hermes.off, hermes.end) == ("switchable", "off", "text", "</think>")
    distilled = t.ALWAYS.replace("<|im_start|>assistant\n", "<｜Assistant｜>")
    assert (
        facts(distilled.replace("<think>\n' }}{% endif %}", "<think>\n' }}{% endif %}"), name="X")[5]
        == "cannot"
    )


def test_without_a_template_there_is_nothing_to_switch() -> None:
    assert profile(None) == profile(None) or profile(None).kind == "none"
    assert profile(None).template is None


def test_profiles_are_made_once() -> None:
    assert profile(t.CLOSED, special=["<think>"]) is profile(t.CLOSED, special=["<think>"])
    assert profile(t.CLOSED) is not profile(t.OPENED)


@pytest.mark.parametrize(
    "source", ["{{ raise_exception('never') }}", "{{ ''.__class__ }}", "{% if %}", "no messages"]
)
def test_an_unusable_template_raises(source: str) -> None:
    with pytest.raises(TemplateError):
        profile(source)


@pytest.mark.parametrize("source", t.ALL.values(), ids=t.ALL)
def test_every_profile_has_a_description_and_data(source: str) -> None:
    found: Profile = profile(source)
    data = as_json(found)
    assert list(data)[:7] == ["kind", "default", "switch", "effort", "markers", "prefill", "off"]
    lines = as_lines(found)
    labels = [label for label, _ in lines]
    assert labels[: labels.index("Thinking")] == (["Family"] if found.family else [])
    assert all(label and text for label, text in lines)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("", "none"),
        ("Some-4B-Instruct", "none"),
        ("Star1-7B", "none"),
        ("Some-4B-Thinking-2507", "always"),
        ("R1-1776", "always"),
        ("Some-Reasoner", "always"),
    ],
)
def test_a_name_decides_where_the_template_only_handles_past_thinking(name: str, kind: str) -> None:
    for source in (t.STRIPPED, t.HANDED_BACK):
        assert profile(source, name=name).kind == kind
    assert profile(t.CLOSED, name=name).kind == "switchable"


def test_an_argument_about_past_thinking_shows_that_the_model_thinks() -> None:
    argument = "{% set keep_thinking = keep_thinking | default(false) %}"
    assert profile(argument + t.STRIPPED).kind == "always"
    assert profile("{% set thinking_text = '' %}" + t.STRIPPED).kind == "none"
