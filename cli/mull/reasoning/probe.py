"""Render a template with recognizable words ("needles") and report what surrounds them.

In: a template. Out: the generation prompt under any arguments, and the text around a past turn's thinking, answer and
tool call. Each probe renders a few words, once; the result is None where the template refuses. Draws no conclusions:
`detect.py` does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from mull.chat_template.template import NO_ARGUMENTS, Template
from mull.dataclass import dataclass
from mull.errors import TemplateError

USER, ANSWER, THOUGHT, TOOL, VALUE = "Qzuser", "Qzanswer", "Qzthought", "qztool", "Qzvalue"
QUESTION: Mapping[str, Any] = {"role": "user", "content": USER}
CALL: Mapping[str, Any] = {
    "type": "function",
    "id": "123456789",
    "function": {"name": TOOL, "arguments": {"arg": VALUE}},
}
MAX_TEXT = 100_000  # characters; the longest published default system prompts have some 10,000
MAX_RENDERINGS = 300  # different ones; published templates take up to 70
FIELDS = ("reasoning_content", "reasoning", "thinking")
# Thinking as typed pieces of the content: blocks as in Apertus, chunks as in Ministral.
BLOCKS, CHUNKS = "content.blocks", "content.thinking"


@dataclass(frozen=True, slots=True)
class TurnMarkup:
    """The text that a template writes before, between and after the thinking and the answer of a past turn."""

    before: str
    between: str
    after: str


class TemplateProbe:
    """Probes one template; each rendering is cached."""

    def __init__(self, template: Template, *, parts: bool = False) -> None:
        self.template = template
        self.parts = parts  # the template accepts contents only as lists of parts
        self._made: dict[Any, str | None] = {}

    def render(
        self,
        messages: Sequence[Mapping[str, Any]],
        arguments: Mapping[str, Any] = NO_ARGUMENTS,
        *,
        prompt: bool = True,
    ) -> str | None:
        """The rendering, or None where the template raises or writes far more than its instructions.

        Also None after `MAX_RENDERINGS`: a template may compare a variable with thousands of words.
        """
        key = (repr(messages), repr(sorted(arguments.items())), prompt)
        if key not in self._made:
            if len(self._made) == MAX_RENDERINGS:
                return None
            try:
                text = self.template.render(
                    [in_parts(message) for message in messages] if self.parts else messages,
                    add_generation_prompt=prompt,
                    arguments=arguments,
                )
            except TemplateError:
                self._made[key] = None
            else:
                self._made[key] = text if len(text) <= MAX_TEXT else None
        return self._made[key]

    def generation_prompt(
        self, arguments: Mapping[str, Any] = NO_ARGUMENTS, text: str = USER, system: str | None = None
    ) -> str | None:
        """What the generation prompt adds after a user message: the assistant's header and any prefill."""
        messages = [{"role": "user", "content": text}]
        if system is not None:
            messages.insert(0, {"role": "system", "content": system})
        with_prompt = self.render(messages, arguments)
        if with_prompt is None or USER not in with_prompt:
            return None
        after = with_prompt.rpartition(USER)[2]
        without = (self.render(messages, arguments, prompt=False) or "").rpartition(USER)[2]
        shared = _shared(after, without)
        if shared == len(after):  # the template ignores add_generation_prompt, or the prompt adds nothing
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
        """The text around THOUGHT and ANSWER in an assistant turn; None where THOUGHT is not rendered."""
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
        """How the first of two answers is rendered; None where ANSWER is not rendered.

        Templates that strip something from old answers mostly leave the last one alone.
        """
        turns = ({"role": "assistant", "content": text} for text in (content, "Qzlast"))
        messages = [message for turn in turns for message in (QUESTION, turn)]
        text = (self.render([*messages, QUESTION]) or "").partition("Qzlast")[0]
        return text.partition(USER)[2] if ANSWER in text else None

    def plain(self, arguments: Mapping[str, Any] = NO_ARGUMENTS) -> TurnMarkup | None:
        """The text around the ANSWER of a past turn without thinking, up to the next user message."""
        text = self.render(
            [QUESTION, {"role": "assistant", "content": ANSWER}, {"role": "user", "content": "Qznext"}],
            arguments,
        )
        if text is None or ANSWER not in text:
            return None
        before, _, after = text.rpartition(ANSWER)
        return TurnMarkup(before.rpartition(USER)[2], "", after.partition("Qznext")[0])


def in_parts(message: Mapping[str, Any]) -> dict[str, Any]:
    """The message with its content as a list of one text, as templates of vision models require."""
    content = message["content"]
    return {
        **message,
        "content": [{"type": "text", "text": content}] if isinstance(content, str) else content,
    }


def with_thoughts(field: str, thinking: Any, answer: Any) -> Any:
    """An assistant's content in typed pieces, for templates without a separate field for thinking."""
    if field == BLOCKS:
        kinds, texts = ("thoughts", "response"), ("text", "text")
    else:
        kinds, texts = ("thinking", "text"), ("thinking", "text")
    typed = zip(kinds, texts, (thinking, answer), strict=True)
    pieces = [{"type": kind, key: text} for kind, key, text in typed if text or text is answer]
    return {"blocks": pieces} if field == BLOCKS else pieces


def _shared(left: str, right: str) -> int:
    """Length of the common prefix."""
    length = min(len(left), len(right))
    return next((index for index in range(length) if left[index] != right[index]), length)
