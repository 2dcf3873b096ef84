"""Text that grows, as lines of one width: each line is broken once, so the work per character is bounded.

In: sanitized text in any chunks. Out: its lines, the newest of them, or those that are final. A break, once made, stays
(`cells.breaks` is greedy), so lines do not wander while text is added. Another width breaks everything anew.
"""

from __future__ import annotations

from collections.abc import Sequence

from mull.terminal.console.width import TAB, breaks


class Wrapping:
    """`feed` text; ask for lines of at most `columns` cells."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._broken = 0  # pieces that are in the lines already
        self._final: list[str] = []  # lines that no further text can change
        self._rest = ""  # the last line, which may still grow
        self._columns = 0

    def feed(self, text: str) -> None:
        if text:
            self._pieces.append(text)

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
