"""Header families (harmony and its relatives): what a message's header says of its body.

In: a header as spelled by the model, such as `<|channel|>analysis` or ` to=user`, and the profile whose own headers for
thinking and answer were found by probing. Out: thinking, answer, or a call to a named recipient.
"""

from __future__ import annotations

import re
from enum import Enum, auto

from mull.reasoning.markers import CHUNK
from mull.reasoning.profile import Profile

RECIPIENT = re.compile(r"to=([^\s<|]+)")
PEOPLE = ("user", "assistant", "all")  # recipients that are no tools


class Body(Enum):
    """What follows a header."""

    THINKING = auto()
    ANSWER = auto()
    CALL = auto()


def meaning(header: str, profile: Profile) -> tuple[Body, str]:
    """The body's kind, and for a call its recipient. A header that says nothing known opens an answer.

    Of several channels in one header the last counts: gpt-oss at times begins with a stray `commentary`.
    """
    thinking, answer = profile.start or "", profile.answer_start or ""
    recipient = RECIPIENT.search(header)
    if recipient is not None:
        if recipient.group() in thinking:
            return Body.THINKING, ""
        if recipient.group() not in answer and recipient.group(1) not in PEOPLE:
            return Body.CALL, recipient.group(1)
    last = header if "<|constrain|>" in header else CHUNK.split(header)[-1]
    words = CHUNK.sub(" ", thinking).split()
    return (Body.THINKING if any(word in last.split() for word in words) else Body.ANSWER), ""


def looks_like_header(text: str) -> bool:
    """Could this be the beginning of a header, rather than of an answer without one?"""
    text = text.lstrip()
    return bool(CHUNK.match(text)) or text.startswith("to=")
