"""The beginning of an answer that is continued, as tokens that follow the generation prompt.

In: the assistant's message, and the prompt that it follows. Out: the tokens that it was generated as, if they are known
and spell the message with this model; else its text, tokenized: thinking and answer as untrusted text, the markers
around them as the family's template has them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from mull.chat_template.render import Segment
from mull.chat_template.tokens import continued_segments
from mull.errors import UsageError
from mull.messages import Message
from mull.reasoning.control import ReasoningDecision
from mull.reasoning.parts import AnswerPart, Part, ThinkingPart
from mull.reasoning.profile import Profile
from mull.reasoning.splitter import Splitter
from mull.settings import ReasoningAsk
from mull.turn.close_thinking import closing_text

if TYPE_CHECKING:
    from mull.engine.model import Model


_SHOWN = 60  # characters of a beginning that is quoted


def prefill_tokens(answer: Message, profile: Profile, model: Model, prompt_end: str) -> list[int]:
    """The tokens of a text that the answer begins with. `prompt_end`: the trusted text that the prompt ends with."""
    return continued_segments(prefill_segments(answer, profile, prompt_end), model)


def known_tokens(
    answer: Message, profile: Profile, model: Model, prompt_end: str, texts: Sequence[str]
) -> list[int]:
    """The tokens that the answer was generated as; empty if they do not spell it after this prompt.

    `texts`: the conversation's other messages.
    """
    if not answer.tokens or not all(0 <= token < model.n_vocab for token in answer.tokens):
        return []
    splitter = Splitter(profile, prompt_end, texts)
    parts: list[Part] = []
    for token in answer.tokens:
        parts += splitter.feed(token, model.piece(token), model.is_special(token))
    parts += splitter.finish()
    thinking = "".join(part.text for part in parts if isinstance(part, ThinkingPart))
    content = "".join(part.text for part in parts if isinstance(part, AnswerPart))
    return list(answer.tokens) if (thinking, content) == (answer.thinking, answer.content) else []


def check_answer(text: str, tokens: Sequence[int], profile: Profile, model: Model, prompt_end: str) -> None:
    """Raises UsageError where these tokens, the text of an answer, end within thinking: no answer would follow."""
    splitter = Splitter(profile, prompt_end)
    for token in tokens:
        splitter.feed(token, model.piece(token), model.is_special(token))
    if splitter.thinking or _opens(text, profile):
        start = " ".join(text.split())
        start = start if len(start) <= _SHOWN else f"{start[: _SHOWN - 1]}…"
        why = "it thinks before its answer" if profile.reasons else "this model does not think"
        raise UsageError(
            "beginning_thinks",
            f'The answer\'s beginning, "{start}", opens thinking that it does not end.',
            f"Begin with the answer itself: {why}.",
        )


def _opens(text: str, profile: Profile) -> bool:
    """Whether the text spells a marker that is a token of its own, which text of a user never becomes."""
    start, end = (profile.start or "").strip(), (profile.end or "").strip()
    return bool(start) and text.lstrip().startswith(start) and not (end and end in text)


def ask_for(ask: ReasoningAsk, answer: Message) -> ReasoningAsk:
    """How to ask for thinking before a text that the answer begins with: it is over, or it was not wanted."""
    if answer.thinking:
        return replace(ask, on=None) if ask.on is False else ask
    return ReasoningAsk(on=False)


def without_thinking(decision: ReasoningDecision, ask: ReasoningAsk, profile: Profile) -> ReasoningDecision:
    """The decision for an answer that begins with a text and no thinking: the model gets no chance to think."""
    if not profile.reasons:
        return replace(decision, asked=ask.asked)
    notice = "The answer was begun, so the model does not think." if ask.on or ask.effort else None
    how = decision.how if decision.applied == "off" else "prefill: the answer's beginning"
    return replace(decision, asked=ask.asked, applied="off", how=how, notice=notice, budget=None, hide=True)


def prefill_segments(answer: Message, profile: Profile, prompt_end: str) -> list[Segment]:
    """The beginning of the answer as it follows the prompt: its texts untrusted, the markers around them trusted."""
    splitter = Splitter(profile, prompt_end)
    closing = closing_text(replace(profile, bridge=""))
    opening = _opening(profile, closing)
    parts = []
    if answer.thinking:
        parts += [] if splitter.thinking else [Segment(opening, True)]
        parts.append(Segment(answer.thinking, False))
        parts += [Segment(closing, True)] if answer.content else []
    elif splitter.thinking:
        parts.append(Segment(closing, True))
    elif profile.header and splitter.position == "elsewhere":  # a header that has no channel yet
        parts.append(Segment(profile.answer_start or "", True))
    elif profile.kind == "always" and splitter.position == "start" and profile.start:
        parts += [Segment(opening, True), Segment(closing, True)]
    return [*parts, Segment(answer.content, False)]


def _opening(profile: Profile, closing: str) -> str:
    """What opens the thinking: on a line of its own where its end is."""
    start = profile.start or ""
    return f"{start}\n" if start and closing.startswith("\n") else start
