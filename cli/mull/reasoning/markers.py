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
    r"|〈\|[^〈〉\n]{1,60}\|〉|◁[^◁▷\n]{1,60}▷|\[e~\[|\]~b\]"
)
# Tags whose name speaks of thinking: </think>, </seed:think>, [/THINK], <|END_THINKING|>, <|end_of_thought|>
CLOSERS = re.compile(
    r"</[\w:.-]*(?:think|thought|reason)[\w:.-]*>|\[/THINK\]|<\|END_THINKING\|>|<\|end_of_thought\|>|<\|/think\|>"
    r"|◁/think▷",
    re.IGNORECASE,
)
# And their openers, at the end of a prompt.
OPENED = re.compile(
    r"(<[\w:.-]*(?:think|thought|reason)[\w:.-]*>|\[THINK\]|<\|START_THINKING\|>|<\|begin_of_thought\|>|<\|think\|>"
    r"|◁think▷)\s*$",
    re.IGNORECASE,
)
PAIRED = {"<|START_THINKING|>": "<|END_THINKING|>", "<|begin_of_thought|>": "<|end_of_thought|>"}
OPENER_OF = {closer: opener for opener, closer in PAIRED.items()}
CLOSING = re.compile(r"^<[|]?/|^\[/|^◁/|end|close", re.IGNORECASE)
# Wrappers that a template's instructions announce for the answer, or that it takes off old answers.
WRAPPERS = re.compile(r"<(response|answer|solution)>|<\|begin_of_(response|answer|solution)\|>")


def chunks(text: str) -> list[str]:
    """All bracketed markers in the text, in order."""
    return CHUNK.findall(text)


def first_chunk(text: str) -> str | None:
    """The bracketed marker that the text begins with, white space aside."""
    match = CHUNK.match(text.lstrip())
    return match.group() if match else None


def opener(closer: str) -> str:
    """The opening tag that belongs to a closing one."""
    return OPENER_OF.get(closer) or re.sub(r"^(<[|]?|\[|◁)/", r"\1", closer)


def closer(opener: str) -> str:
    """The closing tag that belongs to an opening one."""
    return PAIRED.get(opener) or re.sub(r"^(<[|]?|\[|◁)", r"\1/", opener)


def closes(chunk: str) -> bool:
    """Does the marker's spelling say that it ends something?"""
    return bool(CLOSING.search(chunk))


def opened(tail: str) -> str | None:
    """The thinking tag that the prompt ends with."""
    match = OPENED.search(tail)
    return match.group(1) if match else None


def wrappers(source: str) -> list[tuple[str, str]]:
    """Pairs of tags in the source that may wrap an answer."""
    found = sorted(set(WRAPPERS.findall(source)))
    return [
        (f"<{tag}>", f"</{tag}>") if tag else (f"<|begin_of_{name}|>", f"<|end_of_{name}|>")
        for tag, name in found
    ]


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
