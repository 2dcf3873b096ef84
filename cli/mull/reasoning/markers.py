"""Reading markers out of rendered text: brackets, tags, and what a prefill leaves open.

In: pieces of text that a probe cut out of a rendering. Out: spellings. No rendering, no knowledge of families.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

Prefill = Literal["open", "closed", "bare", "none"]

# One marker in some kind of bracket: <think>, <|end|>, [THINK], <｜User｜>, ]~b]ai is none.
CHUNK = re.compile(
    r"<\|[^<>|\n]{1,80}\|?>|<[^<>\n]{1,80}>|\[/?[A-Z][A-Z_ ]{1,60}\]|\[\|[^\[\]|\n]{1,60}\|\]"
    r"|〈\|[^〈〉\n]{1,60}\|〉|\[e~\[|\]~b\]"
)
# Tags whose name speaks of thinking: </think>, </seed:think>, [/THINK], <|END_THINKING|>, <|end_of_thought|>
CLOSERS = re.compile(
    r"</[\w:.-]*(?:think|thought|reason)[\w:.-]*>|\[/THINK\]|<\|END_THINKING\|>|<\|end_of_thought\|>|<\|/think\|>",
    re.IGNORECASE,
)
OPENER_OF = {"<|END_THINKING|>": "<|START_THINKING|>", "<|end_of_thought|>": "<|begin_of_thought|>"}
# Wrappers that instructions in a template announce for the answer.
WRAPPERS = re.compile(r"<(response|answer|solution)>")


def chunks(text: str) -> list[str]:
    """All bracketed markers in the text, in order."""
    return CHUNK.findall(text)


def first_chunk(text: str) -> str | None:
    """The bracketed marker that the text begins with, white space aside."""
    match = CHUNK.match(text.lstrip())
    return match.group() if match else None


def opener(closer: str) -> str:
    """The opening tag that belongs to a closing one."""
    return OPENER_OF.get(closer) or closer.replace("</", "<", 1).replace("[/", "[", 1).replace("<|/", "<|", 1)


def mentioned(source: str) -> tuple[str, str] | None:
    """The thinking tags that a template's source mentions, if any: those it handles most."""
    found = CLOSERS.findall(source)
    if not found:
        return None
    closer = max(found, key=found.count)
    return opener(closer), closer


def prefilled(tail: str, start: str | None, end: str | None) -> Prefill:
    """What a generation prompt's tail, its header removed, leaves behind."""
    if not end:
        return "none"
    opened = tail.rfind(start) if start else -1
    closed = tail.rfind(end)
    if opened > closed:
        return "open"
    if closed >= 0:
        return "closed" if opened >= 0 else "bare"
    return "none"


def cut_bracket(text: str) -> str:
    """The text without a bracket left open at its end."""
    opened = max(text.rfind("<"), text.rfind("["))
    closed = max(text.rfind(">"), text.rfind("]"))
    return text[:opened] if opened > closed else text


def header(tails: Sequence[str], *found: str | None) -> str:
    """The assistant's header: what all generation prompts begin with, up to the first marker, whole or begun."""
    head = cut_bracket(common_start(list(tails)))
    places = [head.find(marker) for marker in found if marker]
    head = head[: min((place for place in places if place >= 0), default=len(head))]
    for marker in found:
        begun = next((n for n in range(len(marker or "") - 1, 0, -1) if head.endswith((marker or "")[:n])), 0)
        if begun and CHUNK.match((marker or "")[:begun]):
            head = head[:-begun]
    return head


def common_start(texts: list[str]) -> str:
    """The longest text that all begin with."""
    if not texts:
        return ""
    low, high = min(texts), max(texts)
    length = next(
        (i for i, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), min(len(low), len(high))
    )
    return low[:length]


def common_end(left: str, right: str) -> str:
    """The longest text that both end with."""
    return common_start([left[::-1], right[::-1]])[::-1]
