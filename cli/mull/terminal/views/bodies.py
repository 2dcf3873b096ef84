"""How the text of an answer becomes lines: Markdown or as it is, and without what the screen has already.

In: the options of a view. Out: a function that makes an `AnswerBody` for each stretch of the answer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from mull.terminal.views.base import ViewOptions
from mull.terminal.views.wrapping import TextStream

_WIDE = 1 << 16  # columns in which lines are made that are not shown


class AnswerBody(Protocol):
    """How an answer becomes lines: `TextStream` (unchanged) or `MarkdownStream`. `parts`: a whole one."""

    def feed(self, text: str) -> None: ...
    def take(self, columns: int, rows: int) -> tuple[list[str], list[str]]: ...
    def finish(self, columns: int) -> list[str]: ...
    def parts(self, source: str, columns: int) -> list[list[str]]: ...


def answer_bodies(options: ViewOptions) -> Callable[[], AnswerBody]:
    """What makes a body. The first one leaves out the beginning that the screen has (`ViewOptions.shown`)."""
    streams, shown = options.streams, options.shown

    def make() -> AnswerBody:
        nonlocal shown
        body: AnswerBody = TextStream()
        if options.markdown:
            from mull.terminal.markdown.stream import MarkdownStream

            body = MarkdownStream(streams.stdout_style, unicode=streams.unicode, math=options.math, margin=1)
        mark = streams.stdout_style("…" if streams.unicode else "...", "muted")
        seen, shown = shown, 0
        return ContinuedBody(body, seen, mark) if seen else body

    return make


class ContinuedBody:
    """A continued answer below the one that was cut: of its first `shown` characters only the last block is repeated,
    and that once there is more.

    `mark`: the line in place of what is left out.
    """

    def __init__(self, body: AnswerBody, shown: int, mark: str) -> None:
        self._body = body
        self._shown = shown
        self._left = shown  # characters that are still to come of it
        self._mark = mark
        self._marks = False  # something was left out, and the mark is still to be painted
        self._more = False  # there is text that the screen does not have

    def feed(self, text: str) -> None:
        begun, new = text[: self._left], text[self._left :]
        if begun:
            self._left -= len(begun)
            self._body.feed(begun)
            self._marks |= bool(self._body.take(_WIDE, _WIDE)[0])
        if new:
            self._more = True
            self._body.feed(new)

    def take(self, columns: int, rows: int) -> tuple[list[str], list[str]]:
        if not self._more:
            return [], []
        finished, tail = self._body.take(columns, rows)
        return [*self._marked(), *finished], tail

    def finish(self, columns: int) -> list[str]:
        return [*self._marked(), *self._body.finish(columns)] if self._more else []

    def parts(self, source: str, columns: int) -> list[list[str]]:
        if len(source) <= self._shown:
            return []
        begun = self._body.parts(source[: self._shown], columns)
        left_out = max(len(begun) - 1, 0)
        parts = self._body.parts(source, columns)[left_out:]
        return [[self._mark], *parts] if left_out else parts

    def _marked(self) -> list[str]:
        marks, self._marks = self._marks, False
        return [self._mark] if marks else []
