"""Streamed plain text as lines; the work per character is bounded, however long the text grows.

`WrappedText` breaks text for one width: in go any chunks, out come its lines, the newest of them, or those that are
final. A break, once made, stays (`width.breaks` is greedy), so lines do not move while text is added. Another width
breaks all of the text again.

`TextStream` is an answer without Markdown, for the live view: `take` returns the finished lines since the last call and
the unfinished tail, `finish` the rest. Finished lines are left unbroken for the terminal to wrap, so that a copied line
is the model's line; only a line that outgrows the screen is broken early.
"""

from __future__ import annotations

from collections.abc import Sequence

from mull.terminal.console.sanitize import Sanitizer
from mull.terminal.console.width import TAB, breaks, wrap


class WrappedText:
    """`feed` text; ask for lines of at most `columns` cells, without styles."""

    styled = False

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._broken = 0  # pieces that are in the lines already
        self._final: list[str] = []  # lines that no further text can change
        self._rest = ""  # the last line, which may still grow
        self._columns = 0

    def feed(self, text: str) -> None:
        if text:
            self._pieces.append(text)

    def finish(self) -> None:
        """No more text comes."""

    def newest(self, columns: int, rows: int) -> Sequence[str]:
        """The last `rows` lines, without empty ones at the end."""
        self._break(columns)
        end, last = len(self._final), [rest] if (rest := self._rest.rstrip(" ")) else []
        while end and not last and not self._final[end - 1]:
            end -= 1
        return self._final[max(0, end - rows + len(last)) : end] + last

    def take(self, columns: int) -> Sequence[str]:
        """The lines that are final. They are gone from here then."""
        self._break(columns)
        taken, self._final = self._final, []
        self._pieces, self._broken = [self._rest], 1
        return taken

    def all(self, columns: int) -> Sequence[str]:
        """Every line, without empty ones at the end."""
        self._break(columns)
        return self.newest(columns, len(self._final) + 1)

    def _break(self, columns: int) -> None:
        if columns != self._columns:
            self._columns, self._broken, self._final, self._rest = columns, 0, [], ""
        text = self._rest + "".join(self._pieces[self._broken :])
        self._broken = len(self._pieces)
        lines = text.expandtabs(TAB).split("\n")
        for index, line in enumerate(lines):
            ranges = breaks(line, columns)
            if index == len(lines) - 1:
                self._rest = line[ranges.pop()[0] :]
            self._final += [line[start:end].rstrip(" ") for start, end in ranges]


class TextStream:
    """`take` and `finish` never give the same text twice; joined they are the sanitized text."""

    def __init__(self) -> None:
        self._sanitizer = Sanitizer()
        self._tail = ""

    def feed(self, text: str) -> None:
        self._tail += self._sanitizer.feed(text)

    def take(self, columns: int, rows: int) -> tuple[list[str], list[str]]:
        """(finished lines, the tail in lines of at most `columns` cells, about `rows` of them at most)."""
        *finished, self._tail = self._tail.split("\n")
        finished = [line.expandtabs(TAB) for line in finished]
        lines = wrap(self._tail, columns) if self._tail else []
        if len(lines) > max(2, rows):
            finished += lines[:-1]
            self._tail = lines[-1]
            lines = lines[-1:]
        return finished, lines

    def parts(self, source: str, columns: int) -> list[list[str]]:
        """A whole text: each line is a part."""
        whole = TextStream()
        whole.feed(source)
        return [[line] for line in whole.finish(columns)]

    def finish(self, columns: int) -> list[str]:
        """What is left, as finished lines; trailing blank lines go."""
        del columns  # the terminal wraps
        rest = (self._tail + self._sanitizer.finish()).expandtabs(TAB).rstrip("\n")
        self._tail = ""
        return rest.split("\n") if rest else []
