"""Find the markers around thinking and around an answer, by rendering needles.

In: a probe of the template and its generation prompts. Out: a `Profile` with markers only. Markers are found next to
the thought of a past turn, by what the template strips from an old answer, or in the prompts.
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


def find_markers(probe: TemplateProbe, prompts: list[str], given: Mapping[str, Any]) -> Profile:
    """Start and end of thinking: from a past turn, else from the source, else from the prefills."""
    shortest = markers.cut_bracket(markers.common_start(prompts)).rstrip()
    for field, arguments, turn, last in _turns(given):
        around = probe.past(turn, arguments, last=last)
        if around is None:
            continue
        start, header = _after_header(probe, around.before, shortest)
        if role := _role(probe, around, header):
            return replace(role, history_field=field)
        if (
            not start
            or not markers.chunks(start)
            or "{" in start
            or markers.first_chunk(around.between) is None
        ):
            continue
        # An answer's opener is found in a past turn without thinking, or in the prefill for off.
        openings = [_opening(probe, header), *(prompt.rpartition(header)[2] for prompt in prompts if header)]
        end, between, opener = _split_between(around, header, openings, tool="tool_calls" in turn)
        message = _header_end(start, opener) if header and header in around.between else None
        if message:  # white space in a header is part of it
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
    tags = _tags(probe, prompts, given)
    if tags is None:
        return Profile(probe.template)
    # Without a field for past thinking the prefill shows whether the tags have lines of their own.
    inline = any(prompt.endswith(tags[0]) for prompt in prompts)
    return Profile(
        probe.template, start=tags[0], end=tags[1], between=tags[1] if inline else f"\n{tags[1]}\n\n"
    )


def _role(probe: TemplateProbe, around: TurnMarkup, header: str) -> Profile | None:
    """The markers of a family whose thinking is a message with a role such as `assistant/think`, or None."""
    between, found, after = around.between.partition(header) if header else ("", "", "")
    role = around.before.rpartition(header)[2] if found else ""
    end = between.strip()
    plain = re.fullmatch(r"[^\s<>{}\[\]]{1,40}\n", role)
    if not plain or after != "\n" or markers.chunks(end) != [end]:
        return None
    return Profile(probe.template, start=role, end=end, between=around.between, header="\n", restart=header)


def _tags(probe: TemplateProbe, prompts: Sequence[str], given: Mapping[str, Any]) -> tuple[str, str] | None:
    """The thinking tags of a template without a field for past thinking, or None."""
    source = probe.template.source
    tags = markers.mentioned(source)
    if tags is not None and (given or _used_in_conversations(probe, tags, prompts)):
        return tags
    _, on, off = prompts
    if on != off and (pair := markers.added(on, off, source)):
        return pair
    if opened := markers.opened(on):
        return opened, markers.closer(opened, source)
    return _stripped(probe, markers.chunks(on)[-1:])


def _used_in_conversations(probe: TemplateProbe, tags: tuple[str, str], prompts: Sequence[str]) -> bool:
    """Whether tags in the source are used in a plain conversation, not only for tools and documents."""
    plain = probe.plain()
    around = plain.before + plain.after if plain else ""
    shown = (probe.render([QUESTION]) or "", around, *prompts)
    return any(tag in text for tag in tags for text in shown) or _strips(probe, *tags)


def _strips(probe: TemplateProbe, start: str, end: str) -> bool:
    """Whether the template strips the text between these tags from an old answer."""
    text = probe.older(f"{start}{THOUGHT}{end}{ANSWER}")
    return text is not None and THOUGHT not in text


def _stripped(probe: TemplateProbe, opened: Sequence[str]) -> tuple[str, str] | None:
    """Tags of any name at which the template splits old answers; the prompt may contain the opening one (`opened`)."""
    splits = list(dict.fromkeys(found for _, found in SPLIT.findall(probe.template.source)))
    for end in (text for text in splits if markers.chunks(text) == [text]):
        for start in (markers.opener(end, probe.template.source), *splits, *opened):
            opens = markers.chunks(start) == [start] and start != end and not markers.closes(start)
            if opens and _strips(probe, start, end):
                return start, end
    return None


def _turns(given: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any], dict[str, Any], bool]]:
    """Past turns to probe, the most informative first: field of the thought, arguments, turn, whether it is last."""
    for arguments in [{}, given] if given else [{}]:
        for last in (False, True):
            for field in FIELDS:
                yield field, arguments, {"content": ANSWER, field: THOUGHT}, last
        for field in (BLOCKS, CHUNKS):
            yield field, arguments, {"content": with_thoughts(field, THOUGHT, ANSWER)}, False
        for field in FIELDS:
            yield field, arguments, {"content": "", field: THOUGHT, "tool_calls": [CALL]}, False


def _after_header(probe: TemplateProbe, before: str, shortest: str) -> tuple[str, str]:
    """The text between the assistant's header and the thought, and the header itself."""
    header = shortest
    if before.rstrip().endswith(header):  # the prompt always opens thinking: the header ends before that
        last = markers.chunks(header)[-1:] or [""]
        header = header.removesuffix(last[0]).rstrip()
    if not header or header not in before:  # past turns begin differently from the generation prompt
        plain = probe.plain()
        usual = plain.before.rstrip() if plain else ""
        header = usual if usual and before.startswith(usual) and before.strip() != usual.strip() else header
    start = (before.rpartition(header)[2] if header else before).strip()
    chunk = markers.chunks(header)[-1:]
    if markers.chunks(start) and not markers.first_chunk(start) and chunk and header.endswith(chunk[0]):
        # All markers of the family begin alike (`<|open|>think<|sep|>`): that beginning is not part of the header.
        return chunk[0] + start, header.removesuffix(chunk[0])
    return start, header


def _opening(probe: TemplateProbe, header: str) -> str:
    """The text between the header and the answer of a past turn without thinking."""
    plain = probe.plain()
    return (plain.before.rpartition(header)[2] if header else "") if plain else ""


def _split_between(
    around: TurnMarkup, header: str, openings: Sequence[str], *, tool: bool
) -> tuple[str, str, str | None]:
    """The end marker, the text between thought and answer, and the answer's opener."""
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
    """In a family with headers, the marker that closes every header."""
    chunk = markers.chunks(markers.common_end(start, opener or start))
    return chunk[-1] if chunk else None


def find_answer_markers(probe: TemplateProbe, found: Profile, given: Mapping[str, Any]) -> Profile:
    """Add the markers that open and close an answer, where a family wraps it."""
    if found.answer_start is None:
        opening = _opening(probe, found.prompts.header.rstrip())
        if found.end and found.end in opening:
            opening = opening.rpartition(found.end)[2]
        if opening.strip():
            opener = opening.strip() if markers.chunks(opening) else opening.lstrip()
            found = replace(found, answer_start=opener)
    if found.answer_start is None and found.end:
        rendered = probe.render([QUESTION], given) or ""
        for start, end in markers.wrappers(probe.template.source):
            if start in rendered or _unwraps(probe, start, end):
                return replace(found, answer_start=start, answer_end=end)
    return found


def _unwraps(probe: TemplateProbe, start: str, end: str) -> bool:
    """Whether the template strips this wrapper from an old answer."""
    text = probe.older(f"{start}{ANSWER}{end}")
    return text is not None and start not in text
