"""Token pieces to thinking and answer, the same for any chunking.

In: each generated token (its bytes, and whether it is a special token). Out: parts, in order. The start state is where
the rendered prompt left the model. What may be the beginning of a marker is held back until it is known; no part ever
ends inside a character. Thinking that is never closed stays thinking.
"""

from __future__ import annotations

import codecs
import re
from typing import Literal

from mull.reasoning.harmony import Body, bare, lead, meaning, too_long
from mull.reasoning.marker_table import Act, State, Table, grammar
from mull.reasoning.markers import CHUNK
from mull.reasoning.parts import Answer, Hidden, OutputBuffer, Part, Thinking
from mull.reasoning.profile import Profile

__all__ = ["Answer", "Hidden", "Part", "Splitter", "Thinking"]

Place = Literal["start", "thinking", "after", "answer", "elsewhere"]

_PLACES: dict[State, Place] = {
    State.START: "start",
    State.THINK: "thinking",
    State.AFTER: "after",
    State.ANSWER: "answer",
}


class Splitter:
    """One turn's splitter. `prompt` ends with the generation prompt (and any prefill) that the model continues."""

    def __init__(self, profile: Profile, prompt: str) -> None:
        self._profile = profile
        self._grammar = grammar(profile)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._buffer = ""
        self._tell = OutputBuffer(keep=profile.opens_thinking)
        self._kind = ""  # of the tool call under way
        self._resume = State.ANSWER
        self._plain: type[Part] | None = (
            None  # what text without any marker's beginning is, in the midst of it
        )
        self._triggers: frozenset[str] = frozenset()
        self._state = State.HEADER if profile.header else State.START
        tail = self._tail(prompt)
        if profile.opens_thinking and not tail.strip():
            self._state = State.THINK
        self._buffer = self._grammar.symbols(tail)
        self._advance(final=False)
        self._tell.forget()

    # ---- what the turn asks

    @property
    def place(self) -> Place:
        """Where the next token falls. `start`: of what the model says; `after`: thinking has ended, the answer has
        not begun; `elsewhere`: in a header, a tool call, or past the end."""
        return _PLACES.get(self._state, "elsewhere")

    @property
    def thinking(self) -> bool:
        """Is the model inside its thinking now?"""
        return self._state is State.THINK

    @property
    def answered(self) -> bool:
        """Has any of the answer been told?"""
        return self._tell.said

    @property
    def ended(self) -> bool:
        """Did the model end its turn, by a marker that its vocabulary does not know as an end?"""
        return self._state is State.END

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
                if self._plain is Answer:
                    self._tell.note(text)
                    return [Answer(text)] if text else []
                self._tell.thinking(text)
                return self._taken()
        if not text:
            return []
        self._buffer += text
        self._advance(final=False)
        return self._taken()

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
        if complete and self._profile.opens_thinking and self._state is State.THINK and not self._tell.said:
            self._tell.answer(self._tell.thought)
        if self._state is State.HEADER:
            self._tell_unclosed(self._buffer)
        if self._state is State.TOOL:
            self._tell.end_hidden(self._kind)
        self._buffer = ""
        return self._taken()

    def _taken(self) -> list[Part]:
        within = self._state is State.THINK and not self._tell.fresh
        answering = self._state is State.ANSWER and self._tell.said and not self._tell.apart
        self._plain = Thinking if within else Answer if answering else None
        self._triggers = self._grammar.tables[self._state].triggers
        return self._tell.taken()

    def _special(self, spelling: str) -> str:
        """A special token as the symbol it has in markers; else as text, unless it is plainly a control token."""
        symbol = self._grammar.symbol(spelling)
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
            place = prompt.rfind(head)
            if place >= 0:
                return prompt[place + len(head) :]
            stripped = head.rstrip()
            place = prompt.rfind(stripped)
            if place >= 0:
                return prompt[place + len(stripped) :]
        known = (tail[len(head) :] for tail in (tails.off, tails.on, tails.default))
        return next(
            (tail for tail in sorted(known, key=len, reverse=True) if tail and prompt.endswith(tail)), ""
        )

    # ---- the machine

    def _advance(self, *, final: bool) -> None:
        at = 0  # up to here the buffer holds no marker that counts
        while True:
            table = self._grammar.tables[self._state]
            match = table.regex.search(self._buffer, at) if table.regex else None
            if match is not None and not final and self._buffer[match.start() :] in table.prefixes:
                match = None  # a longer marker may follow
            if self._state in (State.HEADER, State.GAP) and self._settled(match, final=final):
                continue
            if match is None:
                break
            marker = match.group()
            if not self._counts(marker, table, self._buffer[: match.start()]):
                at = match.end()
                continue
            if self._state in (State.START, State.AFTER) and self._buffer[: match.start()].strip():
                self._begin_answer()
                at = 0
                continue
            before = self._buffer[: match.start()]
            self._buffer = self._buffer[match.end() :]
            at = 0
            self._act(table.acts[marker], marker, before)
        self._flush(final=final)

    def _flush(self, *, final: bool) -> None:
        """Tell what cannot be the beginning of a marker any more."""
        if self._state in (State.START, State.AFTER):
            held = 0 if final else self._held(self._buffer)
            if not self._buffer[: len(self._buffer) - held].strip():
                if final:
                    self._buffer = ""
                return
            self._begin_answer()
            self._advance(final=final)
            return
        if self._state in (State.HEADER, State.GAP):
            return
        held = 0 if final else self._held(self._buffer)
        told = self._buffer[: len(self._buffer) - held]
        self._buffer = self._buffer[len(self._buffer) - held :]
        self._say(told)

    def _settled(self, match: re.Match[str] | None, *, final: bool) -> bool:
        """Header families, between two bodies: did what stands before the next marker turn out to be something else?"""
        held = 0 if final else self._held(self._buffer)
        before = self._buffer[: match.start() if match else len(self._buffer) - held]
        if self._state is State.GAP:
            if before.strip():  # a header without its beginning, or an answer without a header
                self._state = State.HEADER
            return bool(before.strip())
        cut = too_long(before)
        if cut:
            cut = bare(before[:cut])
            self._enter_body(before[:cut])
            self._buffer = self._buffer[cut:]
        return self._state is not State.HEADER

    def _held(self, text: str) -> int:
        """Length of the longest end of the text that begins a marker of this state."""
        table = self._grammar.tables[self._state]
        for length in range(min(table.longest, len(text)), 0, -1):
            if text[len(text) - length :] in table.prefixes:
                return length
        return 0

    def _act(self, act: Act, marker: str, before: str) -> None:
        if self._state is not State.HEADER:
            self._say(before)
        elif act is not Act.BODY:
            self._tell_unclosed(before)
        if self._state is State.TOOL:
            self._tell.end_hidden(self._kind)
        match act:
            case Act.THINK if self._state is not State.THINK:
                self._enter_thinking()
            case Act.CLOSE | Act.ANSWER:
                self._tell.end_thinking()
                self._state = State.AFTER
            case Act.TOOL:
                self._resume = State.AFTER if self._state in (State.START, State.THINK) else self._state
                self._kind = self._grammar.spelled(marker)
                self._state = State.TOOL
            case Act.TOOL_END:
                self._state = self._resume
            case Act.END:
                self._state = State.END
            case Act.BODY:
                own = lead(before)
                self._tell.answer(self._grammar.spelled(before[:own]))
                self._enter_body(before[own:])
            case Act.HEADER | Act.REHEADER:
                self._state = State.HEADER
                self._buffer = (marker if act is Act.REHEADER else "") + self._buffer
            case Act.GAP:
                self._tell.end_thinking()
                self._state = State.GAP

    def _enter_thinking(self) -> None:
        self._state = State.THINK
        self._tell.begin_thinking()

    def _begin_answer(self) -> None:
        """The answer begins here: drop blank lines, keep the first line's indentation."""
        text = self._buffer.lstrip()
        indent = self._buffer[: len(self._buffer) - len(text)]
        self._buffer = indent.rpartition("\n")[2] + text
        self._state = State.ANSWER

    def _enter_body(self, header: str) -> None:
        """Header families: what the header says of the body that begins now."""
        body, recipient = meaning(self._grammar.spelled(header), self._profile)
        if body is Body.THINKING:
            self._enter_thinking()
        elif body is Body.ANSWER:
            self._state = State.ANSWER
            self._tell.apart = self._tell.said
        else:
            self._kind, self._state = recipient, State.TOOL

    def _tell_unclosed(self, text: str) -> None:
        """What stands where a header should: a body whose header was never closed, or one without a header."""
        cut = bare(text)
        if text[cut:].strip():
            self._enter_body(text[:cut])
            self._say(text[cut:])

    def _say(self, text: str) -> None:
        """Text without a marker in it, in the present state."""
        if not text:
            return
        if self._state is State.THINK:
            self._tell.thinking(self._grammar.spelled(text))
        elif self._state is State.ANSWER:
            self._tell.answer(self._grammar.spelled(text))
        elif self._state is State.TOOL:
            self._tell.hidden(self._grammar.spelled(text))

    def _counts(self, marker: str, table: Table, before: str) -> bool:
        """Does this marker count here? Plain-text ones are often only talked about."""
        if self._state is State.THINK and table.acts[marker] is Act.THINK:
            # One opener more than needed.
            return marker in table.tokens or (self._tell.fresh and not before.strip())
        if marker not in table.at_line_start:
            return True
        if self._state is State.THINK:
            return self._tell.thought_line_begins(before)
        return self._tell.line_begins(before)
