"""Where other prompts are likely to part from this one: after the system prompt, the files, the whole question.

Pure. In: the messages, the prompt they became, and how its tokens are spelled. Out: numbers of leading tokens,
ascending. A place that cannot be found in the prompt (a template rewrote the text) is left out: a fork is worth time,
never correctness.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from mull.chat_template.render import Segment
from mull.messages import Message

MIN_DISTANCE = 256
"""Tokens between forks, at least: a batch ends at each, which costs about the time of one token."""


def checkpoints(
    messages: Sequence[Message],
    segments: Sequence[Segment],
    tokens: Sequence[int],
    piece: Callable[[int], bytes],
    *,
    question: bool,
) -> tuple[int, ...]:
    """The forks of a prompt. `question`: also where the last question ends, from where its next turn goes on."""
    text = "".join(segment.text for segment in segments)
    found: list[int] = []
    for place in sorted(set(_places(messages, text, question=question))):
        count = _tokens_before(len(text[place:].encode("utf-8", "replace")), tokens, piece)
        if count - (found[-1] if found else 0) >= MIN_DISTANCE:
            found.append(count)
    return tuple(found)


def _places(messages: Sequence[Message], text: str, *, question: bool) -> Iterator[int]:
    """Positions in the text."""
    asked = [message for message in messages if message.role == "user"]
    if not asked:
        return
    first = text.find(asked[0].content.strip())
    if first > 0:
        yield first
    last = asked[-1].content
    start = text.rfind(last.strip())
    if start < 0 or messages[-1] is not asked[-1]:
        return
    lead = len(last) - len(last.lstrip())
    if material := last[: asked[-1].material].rstrip():
        yield start + len(material) - lead
    if question:
        yield start + len(last.strip())


def _tokens_before(left: int, tokens: Sequence[int], piece: Callable[[int], bytes]) -> int:
    """How many tokens lie wholly before the last `left` bytes: counted from the end, as a beginning may be added."""
    count = len(tokens)
    while left > 0 and count:
        count -= 1
        left -= len(piece(tokens[count]))
    return count
