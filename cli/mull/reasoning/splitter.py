"""Split generated tokens into thinking and answer; the result does not depend on chunking.

In: each token's bytes, and whether it is a special token. Out: parts, in order. The rendered prompt determines the
start state. Text that may begin a marker is held back until that is decided; no part ends inside a UTF-8 character.
Thinking that is never closed stays thinking.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable
from typing import Literal

from mull.reasoning.harmony import MessageKind, bare, is_role, kind_of, lead, too_long
from mull.reasoning.marker_table import Action, StateMarkers, TurnState, marker_table
from mull.reasoning.markers import CHUNK
from mull.reasoning.parts import AnswerPart, OutputBuffer, Part, ThinkingPart
from mull.reasoning.profile import Profile
from mull.reasoning.wrapper import AnswerWrapper

TurnPosition = Literal["start", "thinking", "after", "answer", "elsewhere"]

_POSITIONS: dict[TurnState, TurnPosition] = {
    TurnState.START: "start",
    TurnState.THINK: "thinking",
    TurnState.AFTER: "after",
    TurnState.ANSWER: "answer",
}


class Splitter:
    """The splitter of one turn. `prompt` ends with the generation prompt (and any prefill) that the model continues.

    `messages`: the texts of the conversation. A wrapper of the answer that they spell was requested, and stays.
    """

    def __init__(self, profile: Profile, prompt: str, messages: Iterable[str] = ()) -> None:
        self._profile = profile
        self._markers = marker_table(profile)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._buffer = ""
        self._output = OutputBuffer(keep_thinking=profile.opens_thinking)
        self._tool = ""  # of the current tool call
        self._resume = TurnState.ANSWER
        self._plain: type[Part] | None = (
            None  # the kind of part that text becomes, where no marker can begin; else None
        )
        self._triggers: frozenset[str] = frozenset()
        self._wrapper = AnswerWrapper(self._markers, messages)
        self._state = TurnState.HEADER if profile.header else TurnState.START
        tail = self._prefill(prompt)
        if profile.opens_thinking and not tail.strip():
            self._state = TurnState.THINK
        self._buffer = self._markers.symbols(tail)
        self._advance(final=False)
        self._output.forget()

    # ---- state for the turn

    @property
    def position(self) -> TurnPosition:
        """Where in the turn the next token falls.

        `start`: nothing generated yet; `after`: thinking has ended, the answer has not begun; `elsewhere`: in a header,
        a tool call, or past the end.
        """
        return _POSITIONS.get(self._state, "elsewhere")

    @property
    def thinking(self) -> bool:
        """Whether the model is thinking now."""
        return self._state is TurnState.THINK

    @property
    def answered(self) -> bool:
        """Whether any of the answer has been emitted."""
        return self._output.has_answer

    @property
    def ended(self) -> bool:
        """Whether the model ended its turn by a marker that is not an end-of-generation token."""
        return self._state is TurnState.END

    @property
    def held_back(self) -> int:
        """How many characters of the text so far may begin a marker."""
        return len(self._buffer)

    def feed(self, token: int, data: bytes, special: bool) -> list[Part]:  # noqa: ARG002 - part of a token's facts
        """Take one token's bytes; `special` for a control or user-defined token."""
        if special:
            text = self._decoder.decode(b"", True)
            self._decoder.reset()
            text += self._special(data.decode("utf-8", "replace"))
        else:
            text = self._decoder.decode(data)
            if (
                not self._buffer and self._plain and self._triggers.isdisjoint(text)
            ):  # the common case, on a fast path
                if self._plain is AnswerPart:
                    self._output.track_line(text)
                    return [AnswerPart(text)] if text else []
                self._output.thinking(text)
                return self._take()
        if not text:
            return []
        self._buffer += text
        self._advance(final=False)
        return self._take()

    @property
    def whole(self) -> bool:
        """Whether the text so far ends at a character boundary (UTF-8)."""
        return not self._decoder.getstate()[0]

    def finish(self, *, complete: bool = False) -> list[Part]:
        """End the output; text that was held back is emitted as plain text.

        `complete`: the model ended by itself. If a family that thinks from the first token never wrote its final
        marker, the whole text then becomes the answer.
        """
        self._buffer += self._decoder.decode(b"", True)
        self._advance(final=True)
        if (
            complete
            and self._profile.opens_thinking
            and self._state is TurnState.THINK
            and not self._output.has_answer
        ):
            self._output.answer(self._output.all_thinking)
        if self._wrapper.unclosed and not self._output.has_answer:  # it wrapped nothing, so it is the answer
            self._output.answer(self._wrapper.unclosed)
        if self._state is TurnState.HEADER:
            self._emit_unclosed(self._buffer)
        if self._state is TurnState.TOOL:
            self._output.end_hidden(self._tool)
        self._buffer = ""
        return self._take()

    def _take(self) -> list[Part]:
        within = self._state is TurnState.THINK and not self._output.thinking_is_empty
        answering = (
            self._state is TurnState.ANSWER and self._output.has_answer and not self._output.new_message
        )
        self._plain = ThinkingPart if within else AnswerPart if answering else None
        self._triggers = self._markers.tables[self._state].triggers
        return self._output.take()

    def _special(self, spelling: str) -> str:
        """A special token's symbol if it is part of a marker; else its text, but drop obvious control tokens."""
        symbol = self._markers.symbol(spelling)
        if symbol is not None or not self._profile.special:
            return symbol or spelling
        return (
            ""
            if CHUNK.fullmatch(spelling) and re.search(r"[|｜]|^\[[A-Z]|^</?s>$|^<eos>$", spelling)
            else spelling
        )

    def _prefill(self, prompt: str) -> str:
        """What follows the last assistant header in the prompt: the prefill."""
        head, prompts = self._profile.prompts.header, self._profile.prompts
        if head.strip():
            position = prompt.rfind(head)
            if position >= 0:
                return prompt[position + len(head) :]
            stripped = head.rstrip()
            position = prompt.rfind(stripped)
            if position >= 0:
                return prompt[position + len(stripped) :]
        known = (tail[len(head) :] for tail in (prompts.off, prompts.on, prompts.default))
        return next(
            (tail for tail in sorted(known, key=len, reverse=True) if tail and prompt.endswith(tail)), ""
        )

    # ---- the state machine

    def _advance(self, *, final: bool) -> None:
        at = 0  # no marker that counts begins before this position
        held = 0  # length of the end of the buffer that is not decided yet
        while True:
            table = self._markers.tables[self._state]
            match = table.regex.search(self._buffer, at) if table.regex else None
            if match is not None and not final and self._buffer[match.start() :] in table.prefixes:
                match = None  # a longer marker may follow
            if self._state in (TurnState.HEADER, TurnState.GAP) and self._settled(match, final=final):
                continue
            if match is None:
                break
            marker = match.group()
            counts = self._counts(match, table, final=final)
            if counts is None:
                held = len(self._buffer) - match.start()
                break
            if not counts:
                at = match.end()
                continue
            if self._state in (TurnState.START, TurnState.AFTER) and self._buffer[: match.start()].strip():
                self._begin_answer()
                at = 0
                continue
            before = self._buffer[: match.start()]
            self._buffer = self._buffer[match.end() :]
            at = 0
            self._apply(table.actions[marker], marker, before)
        self._flush(final=final, held=held)

    def _flush(self, *, final: bool, held: int = 0) -> None:
        """Emit text that can no longer be the beginning of a marker."""
        held_back = 0 if final else max(held, self._held_back(self._buffer))
        if self._state in (TurnState.START, TurnState.AFTER):
            if not self._buffer[: len(self._buffer) - held_back].strip():
                if final:
                    self._buffer = ""
                return
            self._begin_answer()
            self._advance(final=final)
            return
        if self._state in (TurnState.HEADER, TurnState.GAP):
            return
        text = self._buffer[: len(self._buffer) - held_back]
        self._buffer = self._buffer[len(self._buffer) - held_back :]
        self._emit(text)

    def _settled(self, match: re.Match[str] | None, *, final: bool) -> bool:
        """In families with headers, between two bodies: whether the text before the next marker changed the state."""
        held_back = 0 if final else self._held_back(self._buffer)
        before = self._buffer[: match.start() if match else len(self._buffer) - held_back]
        if self._state is TurnState.GAP:
            if before.strip():  # a header without its beginning, or an answer without a header
                self._state = TurnState.HEADER
            return bool(before.strip())
        cut = too_long(before)
        if cut:
            cut = bare(before[:cut])
            self._enter_body(before[:cut])
            self._buffer = self._buffer[cut:]
        return self._state is not TurnState.HEADER

    def _held_back(self, text: str) -> int:
        """Length of the longest suffix of the text that begins a marker of this state."""
        table = self._markers.tables[self._state]
        for length in range(min(table.longest, len(text)), 0, -1):
            if text[len(text) - length :] in table.prefixes:
                return length
        return 0

    def _apply(self, action: Action, marker: str, before: str) -> None:
        if self._state is not TurnState.HEADER:
            self._emit(before)
        elif action is not Action.BODY:
            self._emit_unclosed(before)
        if self._state is TurnState.TOOL:
            self._output.end_hidden(self._tool)
        match action:
            case Action.THINK if self._state is not TurnState.THINK:
                self._enter_thinking()
            case Action.CLOSE | Action.ANSWER:
                self._output.end_thinking()
                self._state = TurnState.AFTER
                self._wrapper.open(marker)
            case Action.UNWRAP:
                self._wrapper.close()
            case Action.TOOL:
                self._resume = (
                    TurnState.AFTER if self._state in (TurnState.START, TurnState.THINK) else self._state
                )
                self._tool = self._markers.spelled(marker)
                self._state = TurnState.TOOL
            case Action.TOOL_END:
                self._state = self._resume
            case Action.END:
                self._state = TurnState.END
            case Action.BODY:
                self._end_header(before, marker)
            case Action.HEADER | Action.REHEADER:
                self._state = TurnState.HEADER
                self._buffer = (marker if action is Action.REHEADER else "") + self._buffer
            case Action.GAP:
                self._output.end_thinking()
                self._state = TurnState.GAP

    def _enter_thinking(self) -> None:
        self._state = TurnState.THINK
        self._output.begin_thinking()

    def _begin_answer(self) -> None:
        """Begin the answer: drop blank lines, keep the first line's indentation."""
        text = self._buffer.lstrip()
        indent = self._buffer[: len(self._buffer) - len(text)]
        self._buffer = indent.rpartition("\n")[2] + text
        self._state = TurnState.ANSWER

    def _end_header(self, header: str, marker: str) -> None:
        """Enter the body after a header; text that cannot be a header belongs to the answer."""
        if self._markers.by_line and not is_role(header):
            self._state = TurnState.ANSWER
            self._emit(header + marker)
            return
        own = lead(header)
        self._output.answer(self._markers.spelled(header[:own]))
        self._enter_body(header[own:])

    def _enter_body(self, header: str) -> None:
        """Enter the state for the body that follows this header."""
        body, recipient = kind_of(self._markers.spelled(header), self._profile)
        if body is MessageKind.THINKING:
            self._enter_thinking()
        elif body is MessageKind.ANSWER:
            self._state = TurnState.ANSWER
            self._output.new_message = self._output.has_answer
        else:
            self._tool, self._state = recipient, TurnState.TOOL

    def _emit_unclosed(self, text: str) -> None:
        """Emit text in the place of a header: a body whose header was never closed, or that has none."""
        cut = bare(text)
        if text[cut:].strip():
            self._enter_body(text[:cut])
            self._emit(text[cut:])

    def _emit(self, text: str) -> None:
        """Emit text without markers as the current state requires."""
        if not text:
            return
        if self._state is TurnState.THINK:
            self._output.thinking(self._markers.spelled(text))
        elif self._state is TurnState.ANSWER:
            self._output.answer(self._markers.spelled(text))
        elif self._state is TurnState.TOOL:
            self._output.hidden(self._markers.spelled(text))

    def _counts(self, match: re.Match[str], table: StateMarkers, *, final: bool) -> bool | None:
        """Whether this marker counts here: plain-text markers are often only mentioned. None: what follows decides."""
        marker, before, after = match.group(), self._buffer[: match.start()], self._buffer[match.end() :]
        if table.actions[marker] is Action.UNWRAP:
            return self._wrapper.ends(marker, before, after, table, self._output, final=final)
        if marker in self._markers.frames:
            return self._wrapper.frames(marker, before, self._output)
        if marker in self._markers.guessed:
            return self._wrapper.begins(marker, after, final=final)
        if self._state is TurnState.THINK and table.actions[marker] is Action.THINK:
            return marker in table.tokens or (self._output.thinking_is_empty and not before.strip())
        if marker not in table.at_line_start:
            return True
        if self._state is TurnState.THINK:
            return self._output.thought_line_begins(before)
        return self._output.line_begins(before)
