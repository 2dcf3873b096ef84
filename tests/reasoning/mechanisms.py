"""The mechanisms that a profile uses, in words: what a chat template does about thinking, answers and tool calls.

Compared in two ways: the small templates written for the tests must show every mechanism in a fixed table, and the
published templates, where they are there, must show none that no small template has.
"""

from __future__ import annotations

from collections.abc import Iterator

from mull.chat_template.render import render
from mull.errors import TemplateError
from mull.messages import Message
from mull.reasoning.chat_messages import to_chat
from mull.reasoning.control import decide
from mull.reasoning.describe import as_json
from mull.reasoning.markers import chunks
from mull.reasoning.profile import Profile
from mull.settings import ReasoningAsk

THOUGHT = "Qzthought"
TALK = [Message("user", "One?"), Message("assistant", "Yes.", THOUGHT), Message("user", "Two?")]


def mechanisms(profile: Profile) -> frozenset[str]:
    """Everything that this profile makes use of."""
    return frozenset([_switch(profile), *_effort(profile), *_history(profile), *_markup(profile)])


def _switch(profile: Profile) -> str:
    """Whether it thinks, by default and how switched, and what the generation prompt ends with either way."""
    facts, switch = as_json(profile), profile.switch
    if switch is None:
        means = "no switch"
    elif switch.argument is not None:
        means = f"{type(switch.on).__name__} argument"
    else:
        means = f"words ({switch.place} message)"
    prompt = facts["prefill"]
    return (
        f"{profile.kind}, default {profile.default}, {means}, off by {profile.off}, "
        f"prompt with thinking on {prompt['on']}, off {prompt['off']}"
    )


def _effort(profile: Profile) -> Iterator[str]:
    effort = profile.effort
    if effort is None:
        return
    values = effort.values
    if any(isinstance(value, bool) for value in values.values()):
        yield "effort: a flag for one grade"
    elif isinstance(values["low"], int):
        yield "effort: a number of tokens"
    elif all(value in (word, None) for word, value in values.items()) and not effort.budget:
        yield "effort: the family's grades are ours"
    else:
        yield "effort: the nearest of the family's grades"


def _history(profile: Profile) -> Iterator[str]:
    if profile.history_field is None:
        return
    decision = decide(ReasoningAsk(), profile)
    try:
        segments = render(profile.template, to_chat(TALK, profile, decision), arguments=decision.arguments)
    except TemplateError:
        yield f"past thinking: {profile.history_field}"
        return
    stays = any(THOUGHT in segment.text for segment in segments)
    yield f"past thinking: {profile.history_field}, {'stays' if stays else 'dropped from old turns'}"


def _markup(profile: Profile) -> Iterator[str]:
    if profile.family:
        yield f"family rule: {profile.family}"
    if profile.header:
        yield f"messages with a header: {'recipient' if 'to=' in (profile.start or '') else 'channel'}"
    if profile.answer_start and not profile.header:
        yield f"answer wrapper: {'with' if profile.answer_end else 'without'} an end"
    if profile.opens_thinking:
        yield "thinking from the first token, opened by nothing"
    if not profile.system:
        yield "system messages refused"
    if profile.alternates:
        yield "roles must alternate"
    if profile.system_blocks_switch:
        yield "a system message blocks the switch"
    if profile.parts:
        yield "contents are lists of parts"
    if profile.tool_start:
        yield f"tool calls: {'with' if profile.tool_end else 'without'} an end"
    if profile.end and profile.end not in chunks(profile.end):
        yield "thinking ends with a sentence or several markers"
    if any(not chunks(text) for text in profile.turn_ends):
        yield "a turn ends at the next speaker's name"
    for opening, name in (("<|", "pipes"), ("<｜", "full-width pipes"), ("[", "square brackets")):
        if any(text.startswith(opening) for text in profile.turn_ends):
            yield f"a turn ends at a marker in {name}"
