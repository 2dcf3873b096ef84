"""Pastes into a terminal without bracketed paste: an Enter that more text follows at once is a line break.

In: tokens, and when they arrived. Out: tokens in which the lines of such a paste are one "lines" token, so that it
becomes one question, and so is a long text. Each Enter, and such a paste, is held for a moment, until it is clear that
nothing follows; the last Enter submits. Lines with a slash command among them were typed ahead, each for itself.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby

from mull.terminal.input.sequences import Token, Tokenizer

LONG = 200  # characters that arrive together: more than are typed
AT_ONCE = 0.04  # seconds: a paste has no longer gaps, and keys are not typed that fast after Enter
_ENTER = Token("control", "\r")
_COMMAND = re.compile(r"^/(?:[a-z]+|\?)(?: |$)", re.MULTILINE)
_BREAKS = {"\r": "\n", "\n": "\n", "\t": "\t"}


class InputReader:
    """Decoded input → tokens. `escape_seconds`: see `Tokenizer`."""

    def __init__(self, escape_seconds: float) -> None:
        self._tokenizer = Tokenizer(escape_seconds)
        self._held: list[Token] = []  # Enters, and a paste before them, that have not been passed on
        self._last = float("-inf")
        self._pasting = False

    @property
    def deadline(self) -> float | None:
        """When to call `flush`; None: not before more input arrives."""
        times = [self._tokenizer.deadline, self._last + AT_ONCE if self._held else None]
        return min((time for time in times if time is not None), default=None)

    def feed(self, data: str, now: float, *, typed: bool = False) -> list[Token]:
        """`typed`: it has waited for a while, so that the time says nothing: each Enter is one."""
        before = self._release(now)
        tokens = [*self._held, *self._tokenizer.feed(data, now)]
        self._held, self._last = [], now
        if typed:
            return before + tokens
        tokens = self._pasted(tokens)
        end = len(_without_last_enters(tokens)[0])
        if end and self._pasting and tokens[end - 1].kind == "lines":
            end -= 1
        self._held = tokens[end:]
        return before + tokens[:end]

    def flush(self, now: float) -> list[Token]:
        """What the time has decided."""
        return self._release(now) + self._tokenizer.flush(now)

    def _pasted(self, tokens: Sequence[Token]) -> list[Token]:
        """Each run of text in which a line breaks as one paste, and what follows such a run."""
        pasted: list[Token] = []
        for typed, group in groupby(tokens, _is_typed):
            run, enters = _without_last_enters(list(group))
            self._pasting = self._pasting or (typed and _is_paste(run))
            joined = typed and self._pasting and run
            pasted += [Token("lines", "".join(map(_text, run)))] if joined else run
            pasted += enters
        return pasted

    def _release(self, now: float) -> list[Token]:
        """The Enters after which nothing came."""
        if now < self._last + AT_ONCE:
            return []
        released, self._held, self._pasting = self._held, [], False
        return released


def _without_last_enters(tokens: list[Token]) -> tuple[list[Token], list[Token]]:
    """The tokens, and the Enters at their end."""
    end = len(tokens)
    while end and tokens[end - 1] == _ENTER:
        end -= 1
    return tokens[:end], tokens[end:]


def _is_typed(token: Token) -> bool:
    """Text, or a key that a line break or a tab of a paste looks like."""
    return token.kind in {"text", "lines"} or (token.kind == "control" and token.text in _BREAKS)


def _is_paste(run: Sequence[Token]) -> bool:
    """Does a line break in it that no key breaks, or is it that long?"""
    text = "".join(map(_text, run))
    return len(text) > LONG or (_ENTER in run and _COMMAND.search(text) is None)


def _text(token: Token) -> str:
    return _BREAKS[token.text] if token.kind == "control" else token.text
