"""Token pieces to thinking and answer, the same for any chunking.

In: each generated token (its bytes, and whether it is a special token). Out: parts, in order. The start state is where
the rendered prompt left the model. What may be the beginning of a marker is held back until it is known; no part ever
ends inside a character. Thinking that is never closed stays thinking.
"""

from __future__ import annotations

import codecs
import re

from mull.reasoning.grammar import Act, State, Table, grammar
from mull.reasoning.headers import Body, looks_like_header, meaning
from mull.reasoning.markers import CHUNK
from mull.reasoning.parts import Answer, Hidden, Part, Thinking
from mull.reasoning.profile import Profile

__all__ = ["Answer", "Hidden", "Part", "Splitter", "Thinking"]

HEADER_LIMIT = 200  # characters; a header of a real message is a few words


class Splitter:
    """One turn's splitter. `prompt` ends with the generation prompt (and any prefill) that the model continues."""

    def __init__(self, profile: Profile, prompt: str) -> None:
        self._profile = profile
        self._grammar = grammar(profile)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._buffer = ""
        self._space = ""  # white space at the end of what was thought, not yet told
        self._line = ""  # the beginning of the current line of the answer
        self._fenced = False
        self._fresh = True  # nothing thought since the thinking began
        self._said = False  # has the answer any text?
        self._kind = ""  # of the tool call under way, and its text so far: told as one part
        self._hidden: list[str] = []
        self._resume = State.ANSWER
        self._parts: list[Part] = []
        self._plain: type[Part] | None = (
            None  # what text without any marker's beginning is, in the midst of it
        )
        self._triggers: frozenset[str] = frozenset()
        self._thought: list[str] = []  # kept only where it may turn out to be the answer
        self._state = State.HEADER if profile.header else State.START
        tail = self._tail(prompt)
        if profile.opens_thinking and not tail.strip():
            self._state = State.THINK
        self._buffer = self._grammar.symbols(tail)
        self._advance(final=False)
        self._parts.clear()
        self._said = False

    # ---- what the turn asks

    @property
    def thinking(self) -> bool:
        """Is the model inside its thinking now?"""
        return self._state is State.THINK

    @property
    def answered(self) -> bool:
        """Has any of the answer been told?"""
        return self._said

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
                    self._note_lines(text)
                    return [Answer(text)] if text else []
                self._tell_thinking(text)
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
        if complete and self._profile.opens_thinking and self._state is State.THINK and not self._said:
            self._tell_answer("".join(self._thought))
        if self._state is State.HEADER and self._buffer.strip() and not self._looks_like_header(self._buffer):
            self._tell_answer(self._buffer)
        if self._state is State.TOOL:
            self._tell_hidden()
        self._buffer = ""
        return self._taken()

    def _taken(self) -> list[Part]:
        parts, self._parts = self._parts, []
        within = self._state is State.THINK and not self._fresh
        self._plain = Thinking if within else Answer if self._state is State.ANSWER and self._said else None
        self._triggers = self._grammar.tables[self._state].triggers
        return parts

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
            waiting = self._buffer.lstrip()
            if not waiting or (not final and self._held(waiting) == len(waiting)):
                if final:
                    self._buffer = ""
                return
            self._begin_answer()
            self._advance(final=final)
            return
        if self._state is State.HEADER:
            long = len(self._buffer) > HEADER_LIMIT or "\n" in self._buffer.strip()
            if long and not final and not self._looks_like_header(self._buffer):
                self._state = State.ANSWER
                self._advance(final=final)
            return
        held = 0 if final else self._held(self._buffer)
        told = self._buffer[: len(self._buffer) - held]
        self._buffer = self._buffer[len(self._buffer) - held :]
        self._tell(told)

    def _held(self, text: str) -> int:
        """Length of the longest end of the text that begins a marker of this state."""
        table = self._grammar.tables[self._state]
        for length in range(min(table.longest, len(text)), 0, -1):
            if text[len(text) - length :] in table.prefixes:
                return length
        return 0

    def _act(self, act: Act, marker: str, before: str) -> None:
        header = self._state is State.HEADER
        if not header:
            self._tell(before)
        if self._state is State.TOOL:
            self._tell_hidden()
        match act:
            case Act.THINK if self._state is not State.THINK:
                self._enter_thinking()
            case Act.CLOSE | Act.ANSWER:
                self._space = ""
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
                self._enter_body(before if header else "")
            case Act.HEADER | Act.REHEADER:
                self._state = State.HEADER
                self._buffer = (marker if act is Act.REHEADER else "") + self._buffer
            case Act.GAP:
                self._space = ""
                self._state = State.GAP

    def _enter_thinking(self) -> None:
        self._state = State.THINK
        self._fresh = True
        self._space = ""

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
        else:
            self._kind, self._state = recipient, State.TOOL

    def _looks_like_header(self, text: str) -> bool:
        return looks_like_header(self._grammar.spelled(text))

    # ---- telling

    def _tell(self, text: str) -> None:
        if not text:
            return
        if self._state is State.THINK:
            self._tell_thinking(self._grammar.spelled(text))
        elif self._state is State.ANSWER:
            self._tell_answer(self._grammar.spelled(text))
        elif self._state is State.TOOL:
            self._hidden.append(self._grammar.spelled(text))
        elif self._state is State.GAP and text.strip():
            self._state = State.ANSWER
            self._tell_answer(self._grammar.spelled(text))

    def _tell_thinking(self, text: str) -> None:
        if self._fresh:
            text = text.lstrip()
            if not text:
                return
            self._fresh = False
        text = self._space + text
        kept = text.rstrip()
        self._space = text[len(kept) :]
        if kept:
            self._parts.append(Thinking(kept))
            if self._profile.opens_thinking:
                self._thought.append(kept)

    def _tell_answer(self, text: str) -> None:
        if text:
            self._said = self._said or bool(text.strip())
            self._note_lines(text)
            self._parts.append(Answer(text))

    def _tell_hidden(self) -> None:
        """The tool call that ends here."""
        text, self._hidden = "".join(self._hidden), []
        self._parts.append(Hidden(text, self._kind))

    def _note_lines(self, text: str) -> None:
        """Remember how the current line begins, and whether it is inside a code fence."""
        if "\n" in text:
            first, *others = text.split("\n")
            for line in [self._line + first, *others[:-1]]:
                if line.lstrip().startswith("```"):
                    self._fenced = not self._fenced
            self._line = others[-1][:80]
        elif len(self._line) < 80:
            self._line += text

    def _counts(self, marker: str, table: Table, before: str) -> bool:
        """Does this marker count here? Plain-text ones are often only talked about."""
        if self._state is State.THINK and table.acts[marker] is Act.THINK:
            return marker in table.tokens or (
                self._fresh and not before.strip()
            )  # one opener more than needed
        return marker not in table.at_line_start or self._at_line_start(before)

    def _at_line_start(self, before: str) -> bool:
        line = before.rpartition("\n")[2] if "\n" in before else self._line + before
        if self._state is State.THINK:
            return not before.rpartition("\n")[2].strip() and (
                "\n" in before or "\n" in self._space or self._fresh
            )
        fenced = self._fenced ^ bool(sum(part.lstrip().startswith("```") for part in before.split("\n")) % 2)
        return not line.strip() and not fenced
