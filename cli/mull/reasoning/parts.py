"""The parts of a turn: stretches of thinking, of the answer and tool calls, and the buffer that trims and joins them.

In: stretches of text, in order, each known to be thinking, answer or tool call. Out: parts. Thinking loses the white
space at both its ends; two answers of one turn become two paragraphs, and so do two stretches of thinking; a tool call
becomes one part. Knows no marker.
"""

from __future__ import annotations

from mull.dataclass import dataclass

FENCE = "```"
LINE = 80  # characters of the current line that are remembered: only its beginning matters


@dataclass(frozen=True, slots=True)
class ThinkingPart:
    """A piece of thinking."""

    text: str


@dataclass(frozen=True, slots=True)
class AnswerPart:
    """A piece of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolCallPart:
    """A whole unrequested tool call (possibly empty), with its recipient or marker as `kind`."""

    text: str
    kind: str


Part = ThinkingPart | AnswerPart | ToolCallPart


class OutputBuffer:
    """The parts of one turn. `keep_thinking`: remember all thinking, for it may turn out to be the answer."""

    def __init__(self, *, keep_thinking: bool) -> None:
        self.thinking_is_empty = True  # no thinking text since the thinking began
        self.has_answer = False  # whether the answer has any text
        self.new_message = False  # the next answer text comes from another message
        self._parts: list[Part] = []
        self._thought = False  # whether there was thinking before this stretch of it
        self._space = ""  # white space at the end of the thinking so far, not yet emitted
        self._line = ""  # the beginning of the current line of the answer
        self._fenced = False
        self._hidden: list[str] = []
        self._keep_thinking = keep_thinking
        self._all_thinking: list[str] = []

    def take(self) -> list[Part]:
        """Remove and return the new parts."""
        parts, self._parts = self._parts, []
        return parts

    def forget(self) -> None:
        """Discard the parts so far: they are in the prompt."""
        self._parts.clear()
        self.has_answer = self.new_message = self._thought = False

    # ---- thinking

    def begin_thinking(self) -> None:
        self._thought = self._thought or not self.thinking_is_empty
        self.thinking_is_empty, self._space = True, ""

    def end_thinking(self) -> None:
        self._space = ""

    def thinking(self, text: str) -> None:
        if self.thinking_is_empty:
            text = text.lstrip()
            if not text:
                return
            self.thinking_is_empty = False
            self._space = "\n\n" if self._thought else ""
        text = self._space + text
        trimmed = text.rstrip()
        self._space = text[len(trimmed) :]
        if trimmed:
            self._parts.append(ThinkingPart(trimmed))
            if self._keep_thinking:
                self._all_thinking.append(trimmed)

    @property
    def all_thinking(self) -> str:
        """All thinking so far, where it is remembered."""
        return "".join(self._all_thinking)

    def thought_line_begins(self, before: str) -> bool:
        """Whether a line of thinking begins after `before`, white space ignored."""
        last = before.rpartition("\n")[2]
        return not last.strip() and ("\n" in before or "\n" in self._space or self.thinking_is_empty)

    # ---- the answer

    def answer(self, text: str) -> None:
        if self.new_message and (text := text.lstrip()):
            text = ("\n\n" if self._line else "\n") + text
            self.new_message = False
        if text:
            self.has_answer = self.has_answer or bool(text.strip())
            self.track_line(text)
            self._parts.append(AnswerPart(text))

    def track_line(self, text: str) -> None:
        """Track how the current line begins, and whether it is inside a code fence."""
        if "\n" in text:
            *lines, last = (self._line + text).split("\n")
            self._fenced ^= _fences(lines)
            self._line = last[:LINE]
        elif len(self._line) < LINE:
            self._line += text

    def line_begins(self, before: str) -> bool:
        """Whether a line begins after `before`, white space ignored, outside code fences."""
        *lines, last = (self._line + before).split("\n")
        return not last.strip() and not self._fenced ^ _fences(lines)

    def may_unwrap(self, before: str, opening: str) -> bool:
        """Whether a wrapper's end may follow `before`: not in a code fence, nor on a line with its opening tag."""
        *lines, last = (self._line + before).split("\n")
        return not self._fenced ^ _fences(lines) and not (opening and opening in last)

    # ---- tool calls

    def hidden(self, text: str) -> None:
        self._hidden.append(text)

    def end_hidden(self, kind: str) -> None:
        """Emit the tool call that ends here."""
        text, self._hidden = "".join(self._hidden), []
        self._parts.append(ToolCallPart(text, kind))


def _fences(lines: list[str]) -> bool:
    """Whether these lines leave the code fence state changed."""
    return bool(sum(line.lstrip().startswith(FENCE) for line in lines) % 2)
