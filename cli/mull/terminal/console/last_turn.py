"""The last turn on the screen, which a prompt draws again after a resize.

In: the lines of the turn, as they are written, each group with a function that draws it for another width. Out: how
many rows to erase above the prompt, and the lines that replace them. Where not all of the turn is on the screen, only
its last parts are; the scrollback is never written twice. Whoever writes anything else below the turn calls `forget`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from mull.dataclass import dataclass
from mull.terminal.console.width import fit_some, most, width

Draw = Callable[[int], Sequence[Sequence[str]]]  # columns → parts, as many for each width
_CODES = re.compile(
    r"\x1b(?:\[[0-9;]*[mK]|\]8;[^\x1b]*\x1b\\)"
)  # SGR, erased rests of lines, the ends of links


@dataclass(frozen=True, slots=True)
class _Part:
    """Lines that belong together."""

    lines: Sequence[str]

    def rows(self, columns: int) -> int | None:
        """Rows of the screen; None where terminals disagree about the width of a character."""
        if any(most(line) != width(line) for line in map(_visible, self.lines)):
            return None
        return sum(_rows(_visible(line), columns) for line in self.lines)


@dataclass(frozen=True, slots=True)
class Redrawing:
    """Erase this many rows above the prompt, then write the lines."""

    rows: int
    lines: Sequence[str]


class LastTurn:
    """The turn since its question; empty when something else is below it."""

    def __init__(self) -> None:
        self._parts: list[_Part] = []
        self._draws: list[tuple[int, Draw]] = []  # how many of the parts each draws
        self._known = False
        self._columns = 0  # the width for which it was drawn last

    def begin(self) -> None:
        """A question is written now."""
        self._parts, self._draws, self._known = [], [], True

    def forget(self) -> None:
        """Something is written that cannot be drawn again."""
        self._parts, self._draws, self._known = [], [], False

    def add(self, lines: Sequence[str], columns: int, draw: Draw) -> None:
        """These lines were written; `draw` draws the same for any width."""
        if not self._known:
            return
        parts = [list(part) for part in draw(columns)]
        if [line for part in parts for line in part] != list(lines):  # the width has changed meanwhile
            parts = [list(lines)]
        self._parts += [_Part(part) for part in parts]
        self._draws.append((len(parts), draw))
        self._columns = columns

    def redraw(self, columns: int, above: int) -> Redrawing | None:
        """Draw the turn for `columns`. `above`: the screen's rows above the prompt. None: nothing is to do."""
        if columns == self._columns:
            return None
        self._columns = columns
        start, rows = len(self._parts), 0
        for part in reversed(self._parts):
            taken = part.rows(columns)
            if taken is None or rows + taken > above:
                break
            start, rows = start - 1, rows + taken
        drawn = [_Part(lines) for lines in self._drawn(columns)]
        if len(drawn) != len(self._parts) or start == len(drawn):
            return None
        self._parts[start:] = drawn[start:]
        return Redrawing(rows, [line for part in drawn[start:] for line in part.lines])

    def _drawn(self, columns: int) -> list[Sequence[str]]:
        parts: list[Sequence[str]] = []
        for count, draw in self._draws:
            drawn = draw(columns)
            parts += [[line for part in drawn for line in part]] if count == 1 else drawn
        return parts


def _rows(text: str, columns: int) -> int:
    """The rows of a line that the terminal wraps."""
    columns, at, rows = max(1, columns), 0, 1
    while width(text[at:]) > columns:
        at, rows = fit_some(text, at, columns), rows + 1
    return rows


def _visible(line: str) -> str:
    return _CODES.sub("", line)
