"""Finding the markers around thinking and around an answer, by rendering needles.

In: a probe of the template and what its generation prompt ends with. Out: a `Profile` with markers only. A marker may
show beside the thought of a past turn, by what the template strips from an old answer, or by what the prompt opens.
Concludes nothing about switches; knows no family.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from mull.reasoning import markers
from mull.reasoning.probe import (
    ANSWER,
    BLOCKS,
    CALL,
    CHUNKS,
    FIELDS,
    QUESTION,
    THOUGHT,
    TemplateProbe,
    TurnMarkup,
    with_thoughts,
)
from mull.reasoning.profile import Profile

SPLIT = re.compile(r"""split\(\s*(['"])(.+?)\1""")


def find_markers(probe: TemplateProbe, tails: list[str], given: Mapping[str, Any]) -> Profile:
    """Start and end of the thinking, from a past turn, else from the source, else from the prefills."""
    shortest = markers.cut_bracket(markers.common_start(tails)).rstrip()
    for field, arguments, turn, last in _turns(given):
        around = probe.past(turn, arguments, last=last)
        if around is None:
            continue
        start, header = _after_header(probe, around.before, shortest)
        if (
            not start
            or not markers.chunks(start)
            or "{" in start
            or markers.first_chunk(around.between) is None
        ):
            continue
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
    tags = _tags(probe, tails, given)
    if tags is None:
        return Profile(probe.template)
    # Without a slot for past thinking the prefill shows whether lines are broken around the tags.
    inline = any(tail.endswith(tags[0]) for tail in tails)
    return Profile(
        probe.template, start=tags[0], end=tags[1], between=tags[1] if inline else f"\n{tags[1]}\n\n"
    )


def _tags(probe: TemplateProbe, tails: Sequence[str], given: Mapping[str, Any]) -> tuple[str, str] | None:
    """The thinking tags of a template without a slot for past thinking, by one sign or another."""
    source = probe.template.source
    tags = markers.mentioned(source)
    if tags is not None and (given or _lives(probe, tags, tails)):
        return tags
    _, on, off = tails
    if on != off and (pair := markers.added(on, off, source)):
        return pair
    if opened := markers.opened(on):
        return opened, markers.closer(opened, source)
    return _stripped(probe, markers.chunks(on)[-1:])


def _lives(probe: TemplateProbe, tags: tuple[str, str], tails: Sequence[str]) -> bool:
    """Do tags that the source mentions come up in a plain conversation, or belong to tools and documents only?"""
    plain = probe.plain()
    around = plain.before + plain.after if plain else ""
    shown = (probe.render([QUESTION]) or "", around, *tails)
    return any(tag in text for tag in tags for text in shown) or _strips(probe, *tags)


def _strips(probe: TemplateProbe, start: str, end: str) -> bool:
    """Does the template take the thinking out of an old answer that has it between these tags?"""
    text = probe.older(f"{start}{THOUGHT}{end}{ANSWER}")
    return text is not None and THOUGHT not in text


def _stripped(probe: TemplateProbe, opened: Sequence[str]) -> tuple[str, str] | None:
    """Tags of any name, by which the template splits old answers; the prompt may have `opened` one."""
    splits = list(dict.fromkeys(found for _, found in SPLIT.findall(probe.template.source)))
    for end in (text for text in splits if markers.chunks(text) == [text]):
        for start in (markers.opener(end, probe.template.source), *splits, *opened):
            opens = markers.chunks(start) == [start] and start != end and not markers.closes(start)
            if opens and _strips(probe, start, end):
                return start, end
    return None


def _turns(given: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any], dict[str, Any], bool]]:
    """Past turns to probe with, the most telling first: where the thought is, arguments, the turn, is it the last?"""
    for arguments in [{}, given] if given else [{}]:
        for last in (False, True):
            for field in FIELDS:
                yield field, arguments, {"content": ANSWER, field: THOUGHT}, last
        for field in (BLOCKS, CHUNKS):
            yield field, arguments, {"content": with_thoughts(field, THOUGHT, ANSWER)}, False
        for field in FIELDS:
            yield field, arguments, {"content": "", field: THOUGHT, "tool_calls": [CALL]}, False


def _after_header(probe: TemplateProbe, before: str, shortest: str) -> tuple[str, str]:
    """What stands between the assistant's header and the thought, and the header itself."""
    header = shortest
    if before.rstrip().endswith(header):  # the prompt always opens the thinking: the header is less
        last = markers.chunks(header)[-1:] or [""]
        header = header.removesuffix(last[0]).rstrip()
    if not header or header not in before:  # a past turn begins otherwise than the one to come
        plain = probe.plain()
        usual = plain.before.rstrip() if plain else ""
        header = usual if usual and before.startswith(usual) and before.strip() != usual.strip() else header
    start = (before.rpartition(header)[2] if header else before).strip()
    chunk = markers.chunks(header)[-1:]
    if markers.chunks(start) and not markers.first_chunk(start) and chunk and header.endswith(chunk[0]):
        # All markers of the family begin alike (`<|open|>think<|sep|>`): that beginning is no part of the header.
        return chunk[0] + start, header.removesuffix(chunk[0])
    return start, header


def _opening(probe: TemplateProbe, header: str) -> str:
    """What stands between the header and the answer of a past turn without thinking."""
    plain = probe.plain()
    return (plain.before.rpartition(header)[2] if header else "") if plain else ""


def _split_between(
    around: TurnMarkup, header: str, openings: Sequence[str], *, tool: bool
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


def find_answer_markers(probe: TemplateProbe, found: Profile, given: Mapping[str, Any]) -> Profile:
    """What opens and closes an answer, where a family wraps it."""
    if found.answer_start is None:
        opening = _opening(probe, found.tails.head.rstrip())
        if found.end and found.end in opening:
            opening = opening.rpartition(found.end)[2]
        if opening.strip():
            kept = opening.strip() if markers.chunks(opening) else opening.lstrip()
            found = replace(found, answer_start=kept)
    if found.answer_start is None and found.end:
        told = probe.render([QUESTION], given) or ""
        for start, end in markers.wrappers(probe.template.source):
            if start in told or _unwraps(probe, start, end):
                return replace(found, answer_start=start, answer_end=end)
    return found


def _unwraps(probe: TemplateProbe, start: str, end: str) -> bool:
    """Does the template take an old answer out of this wrapper?"""
    text = probe.older(f"{start}{ANSWER}{end}")
    return text is not None and start not in text
