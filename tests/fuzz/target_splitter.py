"""Thinking, answer and tool calls: the same for any division into pieces, in order, with no invented letter."""

from __future__ import annotations

import functools

from mull.reasoning.parts import AnswerPart, Part, ThinkingPart
from mull.reasoning.profile import Profile
from mull.reasoning.profiler import profile
from mull.reasoning.splitter import Splitter
from tests.reasoning import templates

SOURCES = tuple(templates.ALL.values())


@functools.cache
def profile_of(source: str) -> Profile:
    return profile(source)


def check(data: bytes) -> None:
    if len(data) < 3:
        return
    found = profile_of(SOURCES[data[0] % len(SOURCES)])
    prompt = (found.prompts.off if data[1] % 2 else found.prompts.on) or ""
    text = data[3:].decode("utf-8", "replace").encode()
    whole = split(found, prompt, text, len(text) + 1)
    for size in {1 + data[2] % 9, 1 + data[2] % 4}:
        assert split(found, prompt, text, size) == whole
    given = iter(prompt + text.decode())
    for thinking, written in whole:
        if thinking is not None:
            missing = next((each for each in written if not each.isspace() and each not in given), None)
            assert missing is None, f"{missing!r} was not in the output, or not there"


def split(found: Profile, prompt: str, data: bytes, size: int) -> list[tuple[bool | None, str]]:
    """The texts in order, neighbours of one kind joined: (whether it is thinking; None for a tool call), text."""
    splitter = Splitter(found, prompt)
    parts: list[Part] = []
    for start in range(0, len(data), size):
        parts += splitter.feed(0, data[start : start + size], False)
    parts += splitter.finish()
    joined: list[tuple[bool | None, str]] = []
    for part in parts:
        kind = isinstance(part, ThinkingPart) if isinstance(part, ThinkingPart | AnswerPart) else None
        if joined and joined[-1][0] == kind and kind is not None:
            joined[-1] = (kind, joined[-1][1] + part.text)
        else:
            joined.append((kind, part.text))
    return joined
