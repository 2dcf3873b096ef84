"""Find markers in rendered text: bracketed spellings, thinking tags, and what a prefill leaves open.

In: pieces of a rendering. Out: spellings of markers. Renders nothing; knows no family.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Literal

Prefill = Literal["open", "closed", "bare", "none"]

# One marker in brackets of some kind: <think>, <|end|>, [THINK], <｜User｜>. Not matched: ]~b]ai.
CHUNK = re.compile(
    r"<\|[^<>|\n]{1,80}\|?>|<[^<>\n]{1,80}>|\[/?[A-Z][A-Z_ ]{1,60}\]|\[\|[^\[\]|\n]{1,60}\|\]"
    r"|〈\|[^〈〉\n]{1,60}\|〉|◁[^◁▷\n]{1,60}▷|\[e~\[|\]~b\]"
)
# Words for thinking, and closing tags of such names as a source spells them: </think>, </seed:think>,
# [/THINK], <|/think|>, <|END_THINKING|>, <|end_of_thought|>, <|cot_end|>, ◁/think▷.
NAME = r"(?:think|thought|reason|ponder|deliberat|scratchpad|(?<![a-z])cot(?![a-z]))"
SPEAKING = re.compile(NAME, re.IGNORECASE)
CLOSERS = re.compile(
    rf"(?:</|<\|/|\[/|◁/)[\w:.-]*{NAME}[\w:.-]*(?:\|?>|\]|▷)"
    rf"|<\|(?:end|stop|close)[\w:.-]*{NAME}[\w:.-]*\|>|<\|[\w:.-]*{NAME}[\w:.-]*(?:end|stop|close)\|>",
    re.IGNORECASE,
)
CLOSING = re.compile(r"^<[|]?/|^\[/|^◁/|end|stop|close", re.IGNORECASE)
PAIRED = {
    "<|begin_of_thought|>": "<|end_of_thought|>"
}  # pairs that the first word of each list below would get wrong
OPENER_OF = {closer: opener for opener, closer in PAIRED.items()}
BEGINNINGS, ENDINGS = ("start", "begin", "open"), ("end", "stop", "close")
# Wrappers that a template announces for the answer, or strips from old answers.
WRAPPERS = re.compile(r"<(response|answer|solution)>|<\|begin_of_(response|answer|solution)\|>")


def chunks(text: str) -> list[str]:
    """All bracketed markers in the text, in order."""
    return CHUNK.findall(text)


def first_chunk(text: str) -> str | None:
    """The bracketed marker that the text begins with, leading white space ignored."""
    match = CHUNK.match(text.lstrip())
    return match.group() if match else None


def opener(closer: str, source: str = "") -> str:
    """The opening tag for a closing one; of several possible spellings the one that the source contains."""
    bare = re.sub(r"^(<[|]?|\[|◁)/", r"\1", closer)
    if bare != closer:
        return bare
    return _counterpart(closer, ENDINGS, BEGINNINGS, source, OPENER_OF)


def closer(opener: str, source: str = "") -> str:
    """The closing tag for an opening one, likewise."""
    found = _counterpart(opener, BEGINNINGS, ENDINGS, source, PAIRED)
    return found if found != opener else re.sub(r"^(<[|]?|\[|◁)", r"\1/", opener)


def _counterpart(
    tag: str, words: Sequence[str], others: Sequence[str], source: str, known: Mapping[str, str]
) -> str:
    """The tag with a word for beginning or end replaced by its opposite; unchanged if it has none."""
    match = re.search("|".join(words), tag, re.IGNORECASE)
    if match is None:
        return tag
    fitting = [other.upper() if match.group().isupper() else other for other in others]
    made = [tag[: match.start()] + word + tag[match.end() :] for word in fitting]
    return next((text for text in made if text in source), known.get(tag) or made[0])


def closes(chunk: str) -> bool:
    """Whether the marker's spelling marks it as a closing one."""
    return bool(CLOSING.search(chunk))


def opened(prompt: str) -> str | None:
    """The opening thinking tag that the generation prompt ends with, or None."""
    last = next(iter(chunks(prompt)[-1:]), "")
    ends = bool(last) and prompt.rstrip().endswith(last)
    return last if ends and SPEAKING.search(last) and not closes(last) else None


def added(on: str, off: str, source: str) -> tuple[str, str] | None:
    """The thinking tags by which two generation prompts differ: one opens thinking, the other closes it or not."""
    shared = cut_bracket(common_start([on, off]))
    thinks, not_ = chunks(on[len(shared) :]), chunks(off[len(shared) :])
    last = next(iter(chunks(shared)[-1:]), "")
    match thinks, not_:
        case _, [start, end, *_]:
            return start, end
        case [], [end] if last and shared.rstrip().endswith(last):
            return last, end
        case [start], [end]:
            return start, end
        case [start], [] if not closes(start):
            return start, closer(start, source)
        case [], [end] if closes(end):
            return opener(end, source), end
    return None


def wrappers(source: str) -> list[tuple[str, str]]:
    """Pairs of tags in the source that may wrap an answer."""
    found = sorted(set(WRAPPERS.findall(source)))
    return [
        (f"<{tag}>", f"</{tag}>") if tag else (f"<|begin_of_{name}|>", f"<|end_of_{name}|>")
        for tag, name in found
    ]


def mentioned(source: str) -> tuple[str, str] | None:
    """The thinking tags that occur most often in a template's source, or None."""
    found = CLOSERS.findall(source)
    if not found:
        return None
    closer = max(found, key=found.count)
    return opener(closer, source), closer


def prefilled(prompt: str, start: str | None, end: str | None) -> Prefill:
    """What the end of a generation prompt, header removed, prefills: open or closed thinking, a bare end, nothing."""
    if not end:
        return "none"
    opened = prompt.rfind(start) if start else -1
    closed = prompt.rfind(end)
    if opened > closed:
        return "open"
    if closed >= 0:
        return "closed" if opened >= 0 else "bare"
    return "none"


def cut_bracket(text: str) -> str:
    """The text up to a bracket left open at its end."""
    opened = max(text.rfind("<"), text.rfind("["))
    closed = max(text.rfind(">"), text.rfind("]"))
    return text[:opened] if opened > closed else text


def header(prompts: Sequence[str], *found: str | None) -> str:
    """The assistant's header: the common prefix of all generation prompts, up to the first (even partial) marker."""
    head = cut_bracket(common_start(list(prompts)))
    places = [head.find(marker) for marker in found if marker]
    head = head[: min((place for place in places if place >= 0), default=len(head))]
    for marker in found:
        begun = next((n for n in range(len(marker or "") - 1, 0, -1) if head.endswith((marker or "")[:n])), 0)
        if begun and CHUNK.match((marker or "")[:begun]):
            head = head[:-begun]
    return head


def common_start(texts: list[str]) -> str:
    """The longest common prefix."""
    if not texts:
        return ""
    low, high = min(texts), max(texts)
    length = next(
        (i for i, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), min(len(low), len(high))
    )
    return low[:length]


def common_end(left: str, right: str) -> str:
    """The longest common suffix."""
    return common_start([left[::-1], right[::-1]])[::-1]
