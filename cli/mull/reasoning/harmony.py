"""Families whose messages have headers (harmony and its relatives): classify a message's body by its header.

In: a header as the model writes it, such as `<|channel|>analysis` or ` to=user`, and the profile with the headers of
thinking and answer. Out: thinking, answer, or a call to a named recipient.
"""

from __future__ import annotations

import re
from enum import Enum, auto

from mull.reasoning.markers import CHUNK
from mull.reasoning.profile import Profile

RECIPIENT = re.compile(r"(?:to=|->\s*)([^\s<|]+)")
ROLE = re.compile(r"\s*(?:[/_-]\w[\w/-]*|->.*)?\s*")
PEOPLE = ("user", "assistant", "all")  # recipients that are not tools
# In these, a marker is spelled out or is the symbol of a special token (see `marker_table.py`).
MARK = re.compile(rf"{CHUNK.pattern}|[\udc00-\udfff]")
WORDS = re.compile(r"\s*(to=\S+\s*|assistant\s*)*")
UNCLOSED = re.compile(rf"\s*(?:(?:{MARK.pattern})[ \t]*\w*\s*|to=\S+\s*)*")
BROKEN = re.compile(r"\s*\S[^\n]*\n\s*\S")
MAX_HEADER = 200  # characters; a header of a real message is a few words


class MessageKind(Enum):
    """What kind of body follows a header."""

    THINKING = auto()
    ANSWER = auto()
    CALL = auto()


def kind_of(header: str, profile: Profile) -> tuple[MessageKind, str]:
    """The body's kind, and for a call its recipient. An unknown header opens an answer.

    Of several channels in one header the last counts: gpt-oss sometimes begins with a stray `commentary`.
    """
    thinking, answer = profile.start or "", profile.answer_start or ""
    recipient = RECIPIENT.search(header)
    if recipient is not None:
        if recipient.group() in thinking:
            return MessageKind.THINKING, ""
        if recipient.group() not in answer and recipient.group(1) not in PEOPLE:
            return MessageKind.CALL, recipient.group(1)
    last = header if "<|constrain|>" in header else CHUNK.split(header)[-1]
    words = CHUNK.sub(" ", thinking).split()
    return (
        MessageKind.THINKING if any(word in last.lower().split() for word in words) else MessageKind.ANSWER
    ), ""


def lead(text: str) -> int:
    """Length of the text before a header's first marker that is not part of it: an answer without a header."""
    first = MARK.search(text)
    return first.start() if first and not WORDS.fullmatch(text, 0, first.start()) else 0


def is_role(text: str) -> bool:
    """Whether the rest of a line may belong to a role (`/think`, ` -> tool/call`), in families where a line is one."""
    return ROLE.fullmatch(text) is not None


def too_long(text: str) -> int:
    """Length of the shortest prefix that cannot be a header (too long, or several lines); 0 if all may be one."""
    broken = BROKEN.match(text)
    ends = [broken.end()] if broken else []
    ends += [MAX_HEADER + 1] if len(text) > MAX_HEADER else []
    return min(ends, default=0)


def bare(text: str) -> int:
    """Length of the header in a text whose header was never closed: markers, each with a word, and recipients."""
    match = UNCLOSED.match(text)
    return match.end() if match and match.group().strip() else 0
