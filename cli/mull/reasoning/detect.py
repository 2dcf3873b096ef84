"""Detect by probing what a template can do: markers, switch, effort control, prefill, history rule.

In: a template. Out: a `Profile` without any knowledge of families. A template that does not mention thinking gives kind
"none"; the splitter then looks for common thinking tags. Facts that no probe can find are in `families.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from mull.chat_template.template import HINT, Template
from mull.errors import TemplateError
from mull.reasoning import markers
from mull.reasoning.consistency import consistent, undecided
from mull.reasoning.probe import ANSWER, CALL, QUESTION, TOOL, USER, VALUE, TemplateProbe, TurnMarkup
from mull.reasoning.profile import THINK_TAGS, Default, GenerationPrompts, Kind, Profile, Switch
from mull.reasoning.switches import GRADED, find_effort, find_switch
from mull.reasoning.tags import find_answer_markers, find_markers


def detect(template: Template) -> Profile:
    """Probe the template. Raises `TemplateError` where it cannot render a single question."""
    _ = template.variables  # raises for a template that cannot be compiled
    probe = TemplateProbe(template)
    base = probe.generation_prompt()
    if base is None:
        probe = TemplateProbe(template, parts=True)
        base = probe.generation_prompt()
    if base is None:
        template.render([QUESTION])
        raise TemplateError(
            "chat_template_failed", "The model's chat template does not show the user's message.", HINT
        )
    switch, *positions = find_switch(probe, base)
    on_prompt, off_prompt = (base if prompt is None else prompt for prompt in positions)
    effort = find_effort(probe, switch)
    given = {switch.argument: switch.on} if switch and switch.argument else {}
    found = find_markers(probe, [base, on_prompt, off_prompt], given)
    if found.end is None and (switch or effort):  # it thinks, but its template never spells the tags
        found = replace(found, **THINK_TAGS)
    every = (base, on_prompt, off_prompt)
    prompts = GenerationPrompts(markers.header(every, found.start, found.end), *every)
    found = replace(found, prompts=prompts, switch=switch, effort=effort, parts=probe.parts)
    switch = switch or _system_prompt_switch(probe, found)
    found = replace(found, switch=switch)
    if switch:
        kind: Kind = "switchable"
    elif effort:
        kind = "effort"
    else:
        kind = "always" if found.end else "none"
    found = _endings(probe, find_answer_markers(probe, found, given), given)
    found = replace(
        found,
        kind=kind,
        default=_default(probe, found, kind),
        off="cannot" if switch is None else "template" if switch.argument else "text",
        **_conversation(probe, switch),
    )
    return replace(consistent(probe, found), undecided=undecided(probe, found))


def _endings(probe: TemplateProbe, found: Profile, given: Mapping[str, Any]) -> Profile:
    """Find what ends an answer, a turn and a tool call."""
    plain = probe.plain() or TurnMarkup("", "", "")
    last = probe.render([QUESTION, {"role": "assistant", "content": ANSWER}], given, prompt=False) or ""
    closing = last.rpartition(ANSWER)[2] if ANSWER in last else ""
    header = found.prompts.header.rstrip()
    if header and header in closing:  # the template always writes a generation prompt
        closing = closing.partition(header)[0] + (markers.first_chunk(header) or "")
    answer_end, final = found.answer_end, markers.chunks(closing)
    wrapped = bool(
        found.answer_start and markers.chunks(found.answer_start) and len(final) >= 2 and not found.header
    )
    if wrapped:
        answer_end = closing.strip().rpartition(final[-1])[0].strip()
        again = answer_end.find(final[0], 1)  # one marker may close both the answer and its message
        answer_end = answer_end if again < 0 else answer_end[:again]
        final = final[-1:]
    following = markers.chunks(plain.after)
    ends = [*final[:1], *(following[:1] if not wrapped else [])]
    if not following and plain.after.strip():
        ends.append(plain.after.rstrip())  # no marker at all: the next speaker's name ends the turn
    found = replace(found, answer_end=answer_end)
    tool_start, tool_end, after_tool = _tool_call(probe, found, given, ends)
    if found.header:
        ends += after_tool
    ends_of_turn = dict.fromkeys(text for text in ends if text not in (found.end, found.start, answer_end))
    return replace(found, turn_ends=tuple(ends_of_turn), tool_start=tool_start, tool_end=tool_end)


def _tool_call(
    probe: TemplateProbe, found: Profile, given: Mapping[str, Any], ends: Sequence[str]
) -> tuple[str | None, str | None, list[str]]:
    """The markers that open and close a tool call, and those right after it."""
    turn = {"role": "assistant", "content": "", "tool_calls": [CALL]}
    text = probe.render([QUESTION, turn], given, prompt=False)
    if text is None or TOOL not in text or VALUE not in text:
        return None, None, []
    before, _, rest = text.rpartition(USER)[2].partition(TOOL)
    after = markers.chunks(rest.partition(VALUE)[2])
    header = found.prompts.header.rstrip()
    opening = before.rpartition(header)[2] if header else before
    thought = [match.end() for match in markers.CLOSERS.finditer(opening)]
    opening = opening[thought[-1] :] if thought else opening
    if found.end and found.end in opening:
        opening = opening.rpartition(found.end)[2]
    if found.header:
        return None, None, after[-1:]
    if found.answer_end and found.answer_end in opening:
        opening = opening.rpartition(found.answer_end)[2]
    start = _tool_opener((opening.split() or [""])[0], found) or (
        opening.strip() if opening.strip().startswith("<") else ""
    )
    if start in (*ends, found.answer_start) or not (markers.chunks(start) or start.startswith("<")):
        return None, None, []
    name = (
        "".join(re.findall(r"[a-zA-Z_]+", start)[-1:]).lower().replace("start", "end").replace("begin", "end")
    )
    closing = [chunk for chunk in after if chunk not in ends]
    named = [chunk for chunk in closing if name and name in chunk.lower()]
    return start, next(iter((named or closing)[::-1]), None), after


def _tool_opener(word: str, found: Profile) -> str:
    """The marker that opens a tool call, from the text before the tool's name."""
    ends = [match.end() for match in markers.CHUNK.finditer(word)]
    if not ends:
        return ""
    tool_words = re.compile("tool|call|function|action|invoke", re.IGNORECASE)
    for match in markers.CHUNK.finditer(word):
        if tool_words.search(match.group()):
            return word[: match.end()]
    shared = found.start is not None and found.start.startswith(word[: ends[0]])
    return word[: ends[1] if shared and len(ends) > 1 else ends[0]]


# ---- the rest of the conversation


def _system_prompt_switch(probe: TemplateProbe, found: Profile) -> Switch | None:
    """The switch of families whose default system prompt makes them think: a system message replaces that prompt."""
    if not found.end:
        return None
    usual = probe.render([QUESTION]) or ""
    custom = probe.render([{"role": "system", "content": "Qzsystem"}, QUESTION]) or found.end
    if found.end in usual.partition(USER)[0] and found.end not in custom:
        return Switch(None, "", "You are a helpful assistant.", "custom system")
    return None


def _default(probe: TemplateProbe, found: Profile, kind: Kind) -> Default:
    """Whether the model thinks when the user requests nothing."""
    switch = found.switch
    if kind == "none":
        return "none"
    if switch is None:
        return "on"
    question = probe.render([QUESTION])
    if switch.place == "custom system":
        return "on"
    if switch.argument is None:
        return "on"  # a word that switches off implies that the default is on
    states: tuple[tuple[Default, bool], ...] = (("on", True), ("off", False))
    for word, on in states:
        if probe.render([QUESTION], switch.given(on=on)) == question:
            return word
    # Neither: judge by the end of the prompt; an effort argument may set a grade of "on"; else the model decides.
    prompt = probe.generation_prompt() or ""
    if (state := found.prefill(prompt)) != "none":
        return "on" if state == "open" else "off"
    if prompt != probe.generation_prompt(switch.given(on=False)) and GRADED.search(switch.argument):
        return "on"
    return "none"


def _conversation(probe: TemplateProbe, switch: Switch | None) -> dict[str, Any]:
    """Which conversations the template accepts."""
    system = {"role": "system", "content": "Qzsystem"}
    question = {"role": "user", "content": USER}
    shown = probe.render([system, question])
    blocks = False
    if switch and switch.argument and shown is not None:
        on, off = (switch.given(on=on) for on in (True, False))
        blocks = probe.render([system, question], on) == probe.render([system, question], off)
    return {
        "system": shown is not None and "Qzsystem" in shown,
        "alternates": probe.render([question, question]) is None,
        "system_blocks_switch": blocks,
    }
