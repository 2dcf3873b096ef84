"""Renders a template with needles, and reads off what it does to them.

In: a template. Out: the generation prompt under any arguments, and what stands around a past turn's thinking, answer
and tool call. Each probe is a rendering of a few words; a template that refuses a probe answers None. Nothing is
concluded here: `profile.py` does that.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mull.chat_template.template import NO_ARGUMENTS, Template
from mull.errors import TemplateError

USER, ANSWER, THOUGHT, TOOL, VALUE = "Qzuser", "Qzanswer", "Qzthought", "qztool", "Qzvalue"
QUESTION: Mapping[str, Any] = {"role": "user", "content": USER}
CALL: Mapping[str, Any] = {
    "type": "function",
    "id": "123456789",
    "function": {"name": TOOL, "arguments": {"arg": VALUE}},
}
FIELDS = ("reasoning_content", "reasoning", "thinking")
# Thinking as typed pieces of the content: Apertus's blocks, and Ministral's chunks.
BLOCKS, CHUNKS = "content.blocks", "content.thinking"


@dataclass(frozen=True, slots=True)
class TurnMarkup:
    """What a template writes about one past assistant turn: before, between and after thinking and answer."""

    before: str
    between: str
    after: str


class TemplateProbe:
    """Probing renderings of one template, each made once."""

    def __init__(self, template: Template, *, parts: bool = False) -> None:
        self.template = template
        self.parts = parts  # the template takes contents as lists of parts only
        self._made: dict[Any, str | None] = {}

    def render(
        self,
        messages: Sequence[Mapping[str, Any]],
        arguments: Mapping[str, Any] = NO_ARGUMENTS,
        *,
        prompt: bool = True,
    ) -> str | None:
        """The rendering, or None where the template refuses."""
        key = (repr(messages), repr(sorted(arguments.items())), prompt)
        if key not in self._made:
            try:
                self._made[key] = self.template.render(
                    [in_parts(message) for message in messages] if self.parts else messages,
                    add_generation_prompt=prompt,
                    arguments=arguments,
                )
            except TemplateError:
                self._made[key] = None
        return self._made[key]

    def tail(
        self, arguments: Mapping[str, Any] = NO_ARGUMENTS, text: str = USER, system: str | None = None
    ) -> str | None:
        """What the generation prompt adds after a user's turn: the assistant's header and any prefill."""
        messages = [{"role": "user", "content": text}]
        if system is not None:
            messages.insert(0, {"role": "system", "content": system})
        with_prompt = self.render(messages, arguments)
        if with_prompt is None or USER not in with_prompt:
            return None
        after = with_prompt.rpartition(USER)[2]
        without = (self.render(messages, arguments, prompt=False) or "").rpartition(USER)[2]
        shared = _shared(after, without)
        if shared == len(after):  # the template ignores the flag, or this prompt adds nothing
            return "" if "add_generation_prompt" in self.template.variables else after
        if shared == len(without):
            return after[shared:]
        # The two differ in the middle: do not cut inside a bracket.
        opened = max(after.rfind(bracket, 0, shared) for bracket in "<[")
        closed = max(after.rfind(bracket, 0, shared) for bracket in ">]")
        return after[opened if opened > closed else shared :]

    def past(
        self, turn: Mapping[str, Any], arguments: Mapping[str, Any] = NO_ARGUMENTS, *, last: bool = False
    ) -> TurnMarkup | None:
        """What surrounds THOUGHT and ANSWER in an assistant turn; None where the thought is not written."""
        messages = [QUESTION, {"role": "assistant", **turn}]
        if "tool_calls" in turn:
            messages.append(
                {"role": "tool", "name": TOOL, "tool_call_id": "123456789", "content": "Qzresult"}
            )
        elif not last:
            messages.append({"role": "user", "content": "Qznext"})
        text = self.render(messages, arguments, prompt=not last)
        if text is None or THOUGHT not in text:
            return None
        before, _, rest = text.partition(THOUGHT)
        before = before.rpartition(USER)[2]
        goal = ANSWER if ANSWER in rest else TOOL if TOOL in rest else None
        if goal is None:
            return TurnMarkup(before, rest, "")
        between, _, after = rest.partition(goal)
        return TurnMarkup(before, between, re.split(r"Qznext|Qzresult", after)[0])

    def older(self, content: str) -> str | None:
        """What a conversation shows of its first answer, a second one being there; None where ANSWER is not shown.

        Templates that take something off old answers mostly spare the last.
        """
        turns = ({"role": "assistant", "content": text} for text in (content, "Qzlast"))
        messages = [message for turn in turns for message in (QUESTION, turn)]
        text = (self.render([*messages, QUESTION]) or "").partition("Qzlast")[0]
        return text.partition(USER)[2] if ANSWER in text else None

    def plain(self, arguments: Mapping[str, Any] = NO_ARGUMENTS) -> TurnMarkup | None:
        """What surrounds the ANSWER of a past turn without thinking, up to the next user's text."""
        text = self.render(
            [QUESTION, {"role": "assistant", "content": ANSWER}, {"role": "user", "content": "Qznext"}],
            arguments,
        )
        if text is None or ANSWER not in text:
            return None
        before, _, after = text.rpartition(ANSWER)
        return TurnMarkup(before.rpartition(USER)[2], "", after.partition("Qznext")[0])


def in_parts(message: Mapping[str, Any]) -> dict[str, Any]:
    """The message with its content as a list of one text: templates of models that also see take nothing else."""
    content = message["content"]
    return {
        **message,
        "content": [{"type": "text", "text": content}] if isinstance(content, str) else content,
    }


def with_thoughts(field: str, thinking: Any, answer: Any) -> Any:
    """An assistant's content in typed pieces, as a template wants it that has no field for thinking beside it."""
    if field == BLOCKS:
        kinds, texts = ("thoughts", "response"), ("text", "text")
    else:
        kinds, texts = ("thinking", "text"), ("thinking", "text")
    told = zip(kinds, texts, (thinking, answer), strict=True)
    pieces = [{"type": kind, key: text} for kind, key, text in told if text or text is answer]
    return {"blocks": pieces} if field == BLOCKS else pieces


def _shared(left: str, right: str) -> int:
    """Length of the common beginning."""
    length = min(len(left), len(right))
    return next((index for index in range(length) if left[index] != right[index]), length)
