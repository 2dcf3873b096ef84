"""Probing a template: its markers, its switch, its effort control, its prefill, its history rule.

In: a template. Out: a `Profile` without any knowledge of families; a template that says nothing of thinking gives
kind "none", and the splitter then watches the output. The facts that no probe can see are in `families.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from mull.errors import TemplateError
from mull.prompt.template import Template
from mull.reasoning import markers
from mull.reasoning.probe import ANSWER, CALL, FIELDS, QUESTION, THOUGHT, TOOL, USER, VALUE, Around, Probe
from mull.reasoning.profile import Default, Kind, Profile, Switch, Tails
from mull.reasoning.switches import GRADED, find_effort, find_switch

# Apertus and its like carry thinking as typed blocks of the content.
BLOCKS: tuple[Any, ...] = (
    {"blocks": [{"type": "thoughts", "text": THOUGHT}, {"type": "response", "text": ANSWER}]},
    [{"type": "thinking", "thinking": THOUGHT}, {"type": "text", "text": ANSWER}],
)


def detect(template: Template) -> Profile:
    """Probe the template. Raises `TemplateError` where it cannot render a single question."""
    probe = Probe(template)
    base = probe.tail()
    if base is None:
        template.render([QUESTION])
        raise TemplateError("template_failed", "The model's chat template does not show the user's message.")
    switch, on_tail, off_tail = find_switch(probe, base)
    effort = find_effort(probe, switch)
    given = {switch.argument: switch.on} if switch and switch.argument else {}
    found = _markers(probe, [base, on_tail or base, off_tail or base], given)
    every = (base, on_tail or base, off_tail or base)
    tails = Tails(markers.header(every, found.start, found.end), *every)
    found = replace(found, tails=tails, switch=switch, effort=effort)
    switch = switch or _system_prompt_switch(probe, found)
    found = replace(found, switch=switch)
    if switch:
        kind: Kind = "switchable"
    elif effort:
        kind = "effort"
    else:
        kind = "always" if found.end else "none"
    found = _endings(probe, _answer_markers(probe, found, given), given)
    return replace(
        found,
        kind=kind,
        default=_default(probe, kind, switch),
        off="cannot" if switch is None else "template" if switch.argument else "text",
        **_conversation(probe, switch),
    )


# ---- markers


def _markers(probe: Probe, tails: list[str], given: Mapping[str, Any]) -> Profile:
    """Start and end of the thinking, from a past turn, else from the source, else from the prefills."""
    source = probe.template.source
    shortest = markers.cut_bracket(markers.common_start(tails)).rstrip()
    for arguments, turn, last in _turns(given):
        around = probe.past(turn, arguments, last=last)
        if around is None:
            continue
        start, header = _after_header(around.before, shortest)
        if (
            not start
            or not markers.chunks(start)
            or "{" in start
            or markers.first_chunk(around.between) is None
        ):
            continue
        field = next((key for key, value in turn.items() if value == THOUGHT), None) or "content.blocks"
        # What opens an answer shows in a past turn without thinking, or in what switching off prefills.
        openings = [_opening(probe, header), *(tail.rpartition(header)[2] for tail in tails if header)]
        end, between, opener = _split_between(around, header, openings, tool="tool_calls" in turn)
        message = _header_end(start, opener) if header and header in around.between else None
        if message:  # a header's white space belongs to it
            start = around.before.rpartition(header)[2]
            opener = around.between.partition(header)[2]
        return Profile(
            probe.template,
            start=start,
            end=end,
            between=between,
            answer_start=opener,
            header=message,
            restart=header if header and header in around.between else None,
            history_field=field,
        )
    tags = markers.mentioned(source)
    if tags is None:
        added = [markers.chunks(tail[len(shortest) :]) for tail in tails]
        pair = next((chunk for chunk in added if len(chunk) >= 2), None)
        tags = (pair[0], pair[1]) if pair else None
    if tags is None:
        return Profile(probe.template)
    # Without a slot for past thinking the prefill shows whether lines are broken around the tags.
    inline = any(tail.endswith(tags[0]) for tail in tails)
    return Profile(
        probe.template, start=tags[0], end=tags[1], between=tags[1] if inline else f"\n{tags[1]}\n\n"
    )


def _turns(given: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], dict[str, Any], bool]]:
    """Past turns to probe with, the most telling first."""
    for arguments in [{}, given] if given else [{}]:
        for last in (False, True):
            for field in FIELDS:
                yield arguments, {"content": ANSWER, field: THOUGHT}, last
        for content in BLOCKS:
            yield arguments, {"content": content}, False
        for field in FIELDS:
            yield arguments, {"content": "", field: THOUGHT, "tool_calls": [CALL]}, False


def _after_header(before: str, shortest: str) -> tuple[str, str]:
    """What stands between the assistant's header and the thought, and the header itself."""
    header = shortest
    if before.rstrip().endswith(
        header
    ):  # the generation prompt always opens the thinking: the header is less
        chunk = markers.chunks(header)[-1:] or [""]
        header = header.removesuffix(chunk[0]).rstrip()
    start = (before.rpartition(header)[2] if header else before).strip()
    chunk = markers.chunks(header)[-1:]
    if markers.chunks(start) and not markers.first_chunk(start) and chunk and header.endswith(chunk[0]):
        # All markers of the family begin alike (`<|open|>think<|sep|>`): that beginning is no part of the header.
        return chunk[0] + start, header.removesuffix(chunk[0])
    return start, header


def _opening(probe: Probe, header: str) -> str:
    """What stands between the header and the answer of a past turn without thinking."""
    plain = probe.plain()
    return (plain.before.rpartition(header)[2] if header else "") if plain else ""


def _split_between(
    around: Around, header: str, openings: Sequence[str], *, tool: bool
) -> tuple[str, str, str | None]:
    """End marker, the text from thought to answer, and the answer's opener."""
    inner = around.between.strip()
    first = markers.first_chunk(inner) or inner
    if tool:
        before, found, _ = inner.partition(header) if header else (inner, "", "")
        return (before.strip() or first) if found else first, first, None
    before, found, after = inner.partition(header) if header else (inner, "", "")
    if found:
        return before.strip(), around.between, after.strip() or None
    for opener in (opening.strip() for opening in openings):
        if opener and opener != inner and inner.endswith(opener) and not opener.startswith("</"):
            return inner.removesuffix(opener).strip(), around.between, opener
    return (inner if not re.search(r"\s", inner) else first), around.between, None


def _header_end(start: str, opener: str | None) -> str | None:
    """In a header family, the marker that closes every header."""
    chunk = markers.chunks(markers.common_end(start, opener or start))
    return chunk[-1] if chunk else None


def _answer_markers(probe: Probe, found: Profile, given: Mapping[str, Any]) -> Profile:
    """What opens and closes an answer, where a family wraps it."""
    if found.answer_start is None:
        opening = _opening(probe, found.tails.head.rstrip())
        if found.end and found.end in opening:
            opening = opening.rpartition(found.end)[2]
        if opening.strip():
            kept = opening.strip() if markers.chunks(opening) else opening.lstrip()
            found = replace(found, answer_start=kept)
    if found.answer_start is None and found.end:
        told = set(markers.WRAPPERS.findall(probe.render([QUESTION], given) or ""))
        for name in sorted(told):
            return replace(found, answer_start=f"<{name}>", answer_end=f"</{name}>")
    return found


def _endings(probe: Probe, found: Profile, given: Mapping[str, Any]) -> Profile:
    """How an answer, a turn and a tool call end."""
    plain = probe.plain() or Around("", "", "")
    last = probe.render([QUESTION, {"role": "assistant", "content": ANSWER}], given, prompt=False) or ""
    closing = last.rpartition(ANSWER)[2] if ANSWER in last else ""
    header = found.tails.head.rstrip()
    if header and header in closing:  # the template writes a generation prompt whether asked or not
        closing = closing.partition(header)[0] + (markers.first_chunk(header) or "")
    answer_end, final = found.answer_end, markers.chunks(closing)
    wrapped = bool(
        found.answer_start and markers.chunks(found.answer_start) and len(final) >= 2 and not found.header
    )
    if wrapped:
        answer_end = closing.strip().rpartition(final[-1])[0].strip()
        again = answer_end.find(final[0], 1)  # a family may close its answer and then its message in one way
        answer_end = answer_end if again < 0 else answer_end[:again]
        final = final[-1:]
    following = markers.chunks(plain.after)
    ends = [*final[:1], *(following[:1] if not wrapped else [])]
    if not following and plain.after.strip():
        ends.append(plain.after.rstrip())  # no marker at all: the next speaker's name is the end
    found = replace(found, answer_end=answer_end)
    tool_start, tool_end, after_tool = _tool_call(probe, found, given, ends)
    if found.header:
        ends += after_tool
    kept = dict.fromkeys(text for text in ends if text not in (found.end, found.start, answer_end))
    return replace(found, turn_ends=tuple(kept), tool_start=tool_start, tool_end=tool_end)


def _tool_call(
    probe: Probe, found: Profile, given: Mapping[str, Any], ends: Sequence[str]
) -> tuple[str | None, str | None, list[str]]:
    """What opens and closes a tool call, and the markers right after it."""
    turn = {"role": "assistant", "content": "", "tool_calls": [CALL]}
    text = probe.render([QUESTION, turn], given, prompt=False)
    if text is None or TOOL not in text or VALUE not in text:
        return None, None, []
    before, _, rest = text.rpartition(USER)[2].partition(TOOL)
    after = markers.chunks(rest.partition(VALUE)[2])
    header = found.tails.head.rstrip()
    opening = before.rpartition(header)[2] if header else before
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
    """The marker that opens a tool call, out of all that stands before the tool's name."""
    ends = [match.end() for match in markers.CHUNK.finditer(word)]
    if not ends:
        return ""
    telling = re.compile("tool|call|function|action|invoke", re.IGNORECASE)
    for match in markers.CHUNK.finditer(word):
        if telling.search(match.group()):
            return word[: match.end()]
    shared = found.start is not None and found.start.startswith(word[: ends[0]])
    return word[: ends[1] if shared and len(ends) > 1 else ends[0]]


# ---- the rest of the conversation


def _system_prompt_switch(probe: Probe, found: Profile) -> Switch | None:
    """Families that think because their default system prompt says so: a system message replaces it."""
    if not found.end:
        return None
    usual = probe.render([QUESTION]) or ""
    custom = probe.render([{"role": "system", "content": "Qzsystem"}, QUESTION]) or found.end
    if found.end in usual.partition(USER)[0] and found.end not in custom:
        return Switch(None, "", "You are a helpful assistant.", "custom system")
    return None


def _default(probe: Probe, kind: Kind, switch: Switch | None) -> Default:
    """What happens when nobody says anything."""
    if kind == "none":
        return "none"
    if switch is None:
        return "on"
    question = probe.render([QUESTION])
    if switch.place == "custom system":
        return "on"
    if switch.argument is None:
        return "on"  # a word that switches off is only needed where thinking is on
    states: tuple[tuple[Default, Any], ...] = (("on", switch.on), ("off", switch.off))
    for word, value in states:
        if probe.render([QUESTION], {switch.argument: value}) == question:
            return word
    # Neither: the model decides, unless an effort argument sets a grade of "on" by default.
    tail = probe.tail()
    if tail != probe.tail({switch.argument: switch.off}) and GRADED.search(switch.argument):
        return "on"
    return "none"


def _conversation(probe: Probe, switch: Switch | None) -> dict[str, Any]:
    """Which conversations the template takes."""
    system = {"role": "system", "content": "Qzsystem"}
    question = {"role": "user", "content": USER}
    shown = probe.render([system, question])
    blocks = False
    if switch and switch.argument and shown is not None:
        on, off = ({switch.argument: value} for value in (switch.on, switch.off))
        blocks = probe.render([system, question], on) == probe.render([system, question], off)
    return {
        "system": shown is not None and "Qzsystem" in shown,
        "alternates": probe.render([question, question]) is None,
        "system_blocks_switch": blocks,
    }
