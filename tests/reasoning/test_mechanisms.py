"""Every mechanism of a published chat template has a small template here, so that a clone without them tests it all."""

from __future__ import annotations

import pytest

from mull.reasoning.families import FAMILIES
from mull.reasoning.profile import Profile
from mull.reasoning.profiler import profile
from tests.reasoning import templates as t
from tests.reasoning.corpus import formats, needed, source
from tests.reasoning.mechanisms import mechanisms

TEMPLATE = "off by template, prompt with thinking on"
TEXT = "off by text, prompt with thinking on"
CANNOT = "no switch, off by cannot, prompt with thinking on"
PREFILL = "no switch, off by prefill, prompt with thinking on"
TABLE: dict[str, tuple[str, ...]] = {
    f"none, default none, {CANNOT} none, off none": ("PLAIN", "TOOLS_THINK", "STRIPPED", "HANDED_BACK"),
    f"none, default none, {CANNOT} closed, off closed": ("NEVER", "NEVER_SWITCHED"),
    f"always, default on, {CANNOT} none, off none": ("FINAL", "SILENT"),
    f"always, default on, {CANNOT} open, off open": ("ALWAYS", "UNENDED"),
    f"always, default on, {PREFILL} open, off open": ("DISTILLED",),
    f"effort, default on, {CANNOT} none, off none": ("RECIPIENTS",),
    f"effort, default on, {CANNOT} open, off open": ("BEYOND_HIGH", "UNKNOWN_IS_MAX"),
    f"effort, default on, {PREFILL} none, off none": ("CHANNELS",),
    f"switchable, default on, bool argument, {TEMPLATE} none, off closed": ("CLOSED", "NEXT_ROLE_ENDS"),
    f"switchable, default on, bool argument, {TEMPLATE} open, off closed": ("OPENED", "WRAPPED"),
    f"switchable, default on, bool argument, {TEMPLATE} open, off bare": ("BARE_OFF",),
    f"switchable, default on, bool argument, {TEMPLATE} open, off none": ("SHARED_BEGINNING",),
    f"switchable, default off, bool argument, {TEMPLATE} none, off none": ("BLOCKED", "UNSPELLED"),
    f"switchable, default off, bool argument, {TEMPLATE} none, off closed": ("CLOSED_BY_DEFAULT",),
    f"switchable, default off, bool argument, {TEMPLATE} open, off none": ("OPENED_ON_REQUEST",),
    f"switchable, default off, bool argument, {TEMPLATE} open, off closed": (
        "OPENED_OR_CLOSED",
        "UNNAMED_TAGS",
    ),
    f"switchable, default off, bool argument, {TEMPLATE} open, off bare": ("BARE", "HISTORY_CLOSED"),
    f"switchable, default none, bool argument, {TEMPLATE} open, off closed": ("THREE_STATES", "NAMES"),
    f"switchable, default none, str argument, {TEMPLATE} open, off closed": ("OFF_OPENS", "SWAPPED"),
    f"switchable, default none, str argument, {TEMPLATE} open, off bare": ("MODE", "OWN_MODES"),
    f"switchable, default none, bool argument, {TEMPLATE} open, off none": ("ROLES", "SKIPPED"),
    f"switchable, default off, str argument, {TEMPLATE} none, off none": ("GRADED_OFF",),
    f"switchable, default off, str argument, {TEMPLATE} open, off closed": ("STRICT_EFFORT",),
    f"switchable, default on, int argument, {TEMPLATE} none, off closed": ("TOKENS",),
    f"switchable, default on, words (user message), {TEXT} none, off none": ("SILENT_SWITCH",),
    f"switchable, default on, words (user message), {TEXT} open, off closed": ("WORDS",),
    f"switchable, default on, words (system message), {TEXT} none, off none": ("SYSTEM_SENTENCES",),
    f"switchable, default on, words (system message), {TEXT} open, off closed": ("SYSTEM_WORDS",),
    f"switchable, default off, words (system message), {TEXT} none, off none": ("SYSTEM_PROMPT",),
    f"switchable, default on, words (custom system message), {TEXT} none, off none": ("PROMPTED",),
    "effort: the family's grades are ours": ("CHANNELS", "RECIPIENTS"),
    "effort: the nearest of the family's grades": ("STRICT_EFFORT", "BEYOND_HIGH", "UNKNOWN_IS_MAX"),
    "effort: a flag for one grade": ("LITTLE",),
    "effort: a number of tokens": ("TOKENS",),
    "past thinking: reasoning_content, dropped from old turns": ("CLOSED", "THOUGHT_BEFORE_CALLS"),
    "past thinking: reasoning_content, stays": ("HISTORY_KEPT", "RECIPIENTS"),
    "past thinking: reasoning, stays": ("WRAPPED",),
    "past thinking: thinking, dropped from old turns": ("CHANNELS",),
    "past thinking: content.blocks, stays": ("BLOCKS",),
    "past thinking: content.thinking, stays": ("CHUNKS",),
    "messages with a header: channel": ("CHANNELS", "CALLS_IN_CHANNELS"),
    "messages with a header: recipient": ("RECIPIENTS",),
    "answer wrapper: with an end": ("WRAPPED", "UNWRAPPED", "BLOCKED"),
    "answer wrapper: without an end": ("STRICT_ROLES",),
    "thinking from the first token, opened by nothing": ("FINAL",),
    "thinking ends with a sentence or several markers": ("SENTENCES", "SHARED_BEGINNING"),
    "system messages refused": ("STRICT_ROLES",),
    "roles must alternate": ("STRICT_ROLES",),
    "a system message blocks the switch": ("BLOCKED",),
    "contents are lists of parts": ("PARTS",),
    "tool calls: with an end": ("TOOLS", "CALLS_BY_NAME", "CALLS_IN_SECTIONS", "CALLS_BY_PLUGIN"),
    "tool calls: without an end": ("CALLS_AS_LIST",),
    "a turn ends at the next speaker's name": ("NAMES",),
    "a turn ends at a marker in pipes": ("PLAIN",),
    "a turn ends at a marker in full-width pipes": ("DISTILLED",),
    "a turn ends at a marker in square brackets": ("SYSTEM_WORDS", "PROMPTED"),
    "family rule: gpt-oss": ("CHANNELS",),
    "family rule: DeepSeek-R1 distill": ("DISTILLED",),
    "family rule: Apriel": ("FINAL",),
    "family rule: Apriel 1.6": ("STEPS",),
    "family rule: Granite 3.2": ("SENTENCES",),
    "family rule: Gemma 4": ("UNNAMED_CHANNELS",),
    "family rule: Phi-4-reasoning": ("TRAINED_PROMPT",),
    "family rule: MiMo-VL": ("SILENT_SWITCH",),
    "family rule: MiniMax-M1": ("SILENT",),
    "family rule: Llama-Nemotron": ("SYSTEM_SENTENCES",),
    "family rule: DeepHermes": ("SYSTEM_PROMPT",),
    "family rule: pebble": ("BUILT_IN",),
}


def small(name: str) -> Profile:
    return profile(t.ALL[name], **t.KNOWN.get(name, {}))


@pytest.mark.parametrize("mechanism", TABLE)
def test_a_mechanism_is_shown_by_the_small_templates_named_for_it(mechanism: str) -> None:
    for name in TABLE[mechanism]:
        assert mechanism in mechanisms(small(name)), name


@pytest.mark.parametrize("name", t.ALL)
def test_a_small_template_shows_no_mechanism_beyond_the_table(name: str) -> None:
    assert mechanisms(small(name)) <= TABLE.keys()


def test_every_rule_about_a_family_has_a_small_template() -> None:
    assert {f"family rule: {family.name}" for family in FAMILIES} <= TABLE.keys()


@needed
@pytest.mark.parametrize("name", [entry["template"] for entry in formats()])
def test_a_published_template_uses_no_mechanism_without_a_small_template(name: str) -> None:
    assert mechanisms(profile(source(name), name=name.removesuffix(".jinja"))) <= TABLE.keys()
