"""Prefix lengths at which the prompt cache takes checkpoints: after the system prompt, the files, the question.

Other prompts are likely to diverge from this one there. In: the messages, their prompt, and its tokens' bytes. Out:
numbers of leading tokens, ascending. A position that is not found in the prompt (the template rewrote the text) is
omitted: a checkpoint saves time and is never needed for correctness. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from mull.chat_template.render import Segment
from mull.messages import Message

MIN_DISTANCE = 256
"""Least number of tokens between checkpoints: a batch ends at each, which costs about the time of one token."""


def checkpoints(
    messages: Sequence[Message],
    segments: Sequence[Segment],
    tokens: Sequence[int],
    piece: Callable[[int], bytes],
    *,
    question: bool,
) -> tuple[int, ...]:
    """The checkpoints of a prompt. `question`: also one at the end of the last question."""
    text = "".join(segment.text for segment in segments)
    found: list[int] = []
    for place in sorted(set(_places(messages, text, question=question))):
        count = _tokens_before(len(text[place:].encode("utf-8", "replace")), tokens, piece)
        if count - (found[-1] if found else 0) >= MIN_DISTANCE:
            found.append(count)
    return tuple(found)


def _places(messages: Sequence[Message], text: str, *, question: bool) -> Iterator[int]:
    """Character positions in the prompt's text."""
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
    """How many tokens end before the last `left` bytes: counted from the end, since BOS may precede the text."""
    count = len(tokens)
    while left > 0 and count:
        count -= 1
        left -= len(piece(tokens[count]))
    return count
