"""Thoughts as Markdown lines: the newest of them, those that are final, or all.

In: text as it arrives, a width. Out: lines in the style "thinking", as `wrapping.WrappedText` returns them; another
width lays out all of the text again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mull.terminal.console.style import Style
from mull.terminal.markdown.stream import MarkdownStream, render

TONE = "thinking"


def drawn(text: str, columns: int, style: Style, *, unicode: bool, math: bool) -> list[str]:
    """All lines of a turn's thoughts, without links."""
    return render(text, columns, replace(style, links=False), unicode=unicode, math=math, tone=TONE)


class MarkdownThoughts:
    """`feed` text; ask for lines of at most `columns` cells."""

    styled = True

    def __init__(self, style: Style, *, unicode: bool = True, math: bool = False) -> None:
        self._style, self._unicode, self._math = style, unicode, math
        self._pieces: list[str] = []
        self._ended = False
        self._columns = 0
        self._taken = False  # lines were given away: the text before them is not laid out again
        self._stream = self._new_stream()
        self._final: list[str] = []

    def feed(self, text: str) -> None:
        self._pieces.append(text)
        self._stream.feed(text)

    def finish(self) -> None:
        """No more text comes."""
        self._ended = True

    def newest(self, columns: int, rows: int) -> Sequence[str]:
        """The last `rows` lines, without empty ones at the end."""
        lines = self._final[-rows - 1 :] + self._tail(columns)
        while lines and not lines[-1]:
            lines.pop()
        return lines[-rows:] if rows else []

    def take(self, columns: int) -> Sequence[str]:
        """The lines that are final. They are gone from here then."""
        self._taken = True
        self._tail(columns)
        taken, self._final = self._final, []
        return taken

    def all(self, columns: int) -> Sequence[str]:
        """Every line, without empty ones at the end."""
        tail = self._tail(columns)
        return self.newest(columns, len(self._final) + len(tail))

    def _tail(self, columns: int) -> list[str]:
        """Bring the final lines up to date; returns the lines after them."""
        if columns != self._columns:
            if self._columns and not self._taken:
                self._final, self._stream = [], self._new_stream()
                self._stream.feed("".join(self._pieces))
            self._columns = columns
        final, tail = self._stream.take(columns, 0)
        self._final += final
        if self._ended:
            self._final += self._stream.finish(columns)
            return []
        return tail

    def _new_stream(self) -> MarkdownStream:
        return MarkdownStream(self._style, unicode=self._unicode, math=self._math, tone=TONE)
