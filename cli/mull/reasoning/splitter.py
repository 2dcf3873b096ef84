"""Token pieces to thinking and answer, the same for any chunking.

In: each generated token (its bytes, and whether it is a special token). Out: parts, in order. The start state is where
the rendered prompt left the model. What may be the beginning of a marker is held back until it is known; no part ever
ends inside a character. Thinking that is never closed stays thinking.
"""

from __future__ import annotations

import codecs
import re
from typing import Literal

from mull.reasoning.harmony import MessageKind, bare, kind_of, lead, too_long
from mull.reasoning.marker_table import Action, StateMarkers, TurnState, marker_table
from mull.reasoning.markers import CHUNK
from mull.reasoning.parts import AnswerPart, OutputBuffer, Part, ThinkingPart
from mull.reasoning.profile import Profile

TurnPosition = Literal["start", "thinking", "after", "answer", "elsewhere"]

_POSITIONS: dict[TurnState, TurnPosition] = {
    TurnState.START: "start",
    TurnState.THINK: "thinking",
    TurnState.AFTER: "after",
    TurnState.ANSWER: "answer",
}


class Splitter:
    """One turn's splitter. `prompt` ends with the generation prompt (and any prefill) that the model continues."""

    def __init__(self, profile: Profile, prompt: str) -> None:
        self._profile = profile
        self._markers = marker_table(profile)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._buffer = ""
        self._output = OutputBuffer(keep_thinking=profile.opens_thinking)
        self._tool = ""  # of the tool call under way
        self._resume = TurnState.ANSWER
        self._plain: type[Part] | None = (
            None  # what text without any marker's beginning is, in the midst of it
        )
        self._triggers: frozenset[str] = frozenset()
        self._state = TurnState.HEADER if profile.header else TurnState.START
        tail = self._tail(prompt)
        if profile.opens_thinking and not tail.strip():
            self._state = TurnState.THINK
        self._buffer = self._markers.symbols(tail)
        self._advance(final=False)
        self._output.forget()

    # ---- what the turn asks

    @property
    def position(self) -> TurnPosition:
        """Where the next token falls. `start`: of what the model says; `after`: thinking has ended, the answer has
        not begun; `elsewhere`: in a header, a tool call, or past the end."""
        return _POSITIONS.get(self._state, "elsewhere")

    @property
    def thinking(self) -> bool:
        """Is the model inside its thinking now?"""
        return self._state is TurnState.THINK

    @property
    def answered(self) -> bool:
        """Has any of the answer been told?"""
        return self._output.has_answer

    @property
    def ended(self) -> bool:
        """Did the model end its turn, by a marker that its vocabulary does not know as an end?"""
        return self._state is TurnState.END

    # ---- feeding

    def feed(self, token: int, data: bytes, special: bool) -> list[Part]:  # noqa: ARG002 - part of a token's facts
        """One token's bytes; `special` for a control or user-defined token."""
        if special:
            text = self._decoder.decode(b"", True)
            self._decoder.reset()
            text += self._special(data.decode("utf-8", "replace"))
        else:
            text = self._decoder.decode(data)
            if (
                not self._buffer and self._plain and self._triggers.isdisjoint(text)
            ):  # the common case, kept short
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
        """Is the text so far complete, or does it end inside a UTF-8 character?"""
        return not self._decoder.getstate()[0]

    def finish(self, *, complete: bool = False) -> list[Part]:
        """The end of the output: what was held back is what it looks like.

        `complete`: the model ended by itself. A family that thinks from the first word to a final marker, and never
        wrote the marker, then gets its whole text as the answer, for nothing better will come.
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
        """A special token as the symbol it has in markers; else as text, unless it is plainly a control token."""
        symbol = self._markers.symbol(spelling)
        if symbol is not None or not self._profile.special:
            return symbol or spelling
        return (
            ""
            if CHUNK.fullmatch(spelling) and re.search(r"[|｜]|^\[[A-Z]|^</?s>$|^<eos>$", spelling)
            else spelling
        )

    def _tail(self, prompt: str) -> str:
        """What follows the assistant's header in the prompt. The last header counts: no text comes after it."""
        head, tails = self._profile.tails.head, self._profile.tails
        if head.strip():
            position = prompt.rfind(head)
            if position >= 0:
                return prompt[position + len(head) :]
            stripped = head.rstrip()
            position = prompt.rfind(stripped)
            if position >= 0:
                return prompt[position + len(stripped) :]
        known = (tail[len(head) :] for tail in (tails.off, tails.on, tails.default))
        return next(
            (tail for tail in sorted(known, key=len, reverse=True) if tail and prompt.endswith(tail)), ""
        )

    # ---- the machine

    def _advance(self, *, final: bool) -> None:
        at = 0  # up to here the buffer holds no marker that counts
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
            if not self._counts(marker, table, self._buffer[: match.start()]):
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
        self._flush(final=final)

    def _flush(self, *, final: bool) -> None:
        """Tell what cannot be the beginning of a marker any more."""
        if self._state in (TurnState.START, TurnState.AFTER):
            held_back = 0 if final else self._held_back(self._buffer)
            if not self._buffer[: len(self._buffer) - held_back].strip():
                if final:
                    self._buffer = ""
                return
            self._begin_answer()
            self._advance(final=final)
            return
        if self._state in (TurnState.HEADER, TurnState.GAP):
            return
        held_back = 0 if final else self._held_back(self._buffer)
        text = self._buffer[: len(self._buffer) - held_back]
        self._buffer = self._buffer[len(self._buffer) - held_back :]
        self._emit(text)

    def _settled(self, match: re.Match[str] | None, *, final: bool) -> bool:
        """Header families, between two bodies: did what stands before the next marker turn out to be something else?"""
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
        """Length of the longest end of the text that begins a marker of this state."""
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
                own = lead(before)
                self._output.answer(self._markers.spelled(before[:own]))
                self._enter_body(before[own:])
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
        """The answer begins here: drop blank lines, keep the first line's indentation."""
        text = self._buffer.lstrip()
        indent = self._buffer[: len(self._buffer) - len(text)]
        self._buffer = indent.rpartition("\n")[2] + text
        self._state = TurnState.ANSWER

    def _enter_body(self, header: str) -> None:
        """Header families: what the header says of the body that begins now."""
        body, recipient = kind_of(self._markers.spelled(header), self._profile)
        if body is MessageKind.THINKING:
            self._enter_thinking()
        elif body is MessageKind.ANSWER:
            self._state = TurnState.ANSWER
            self._output.new_message = self._output.has_answer
        else:
            self._tool, self._state = recipient, TurnState.TOOL

    def _emit_unclosed(self, text: str) -> None:
        """What stands where a header should: a body whose header was never closed, or one without a header."""
        cut = bare(text)
        if text[cut:].strip():
            self._enter_body(text[:cut])
            self._emit(text[cut:])

    def _emit(self, text: str) -> None:
        """Text without a marker in it, in the present state."""
        if not text:
            return
        if self._state is TurnState.THINK:
            self._output.thinking(self._markers.spelled(text))
        elif self._state is TurnState.ANSWER:
            self._output.answer(self._markers.spelled(text))
        elif self._state is TurnState.TOOL:
            self._output.hidden(self._markers.spelled(text))

    def _counts(self, marker: str, table: StateMarkers, before: str) -> bool:
        """Does this marker count here? Plain-text ones are often only talked about."""
        if self._state is TurnState.THINK and table.actions[marker] is Action.THINK:
            # One opener more than needed.
            return marker in table.tokens or (self._output.thinking_is_empty and not before.strip())
        if marker not in table.at_line_start:
            return True
        if self._state is TurnState.THINK:
            return self._output.thought_line_begins(before)
        return self._output.line_begins(before)
