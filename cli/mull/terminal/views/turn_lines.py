"""What a turn has left in the scrollback, so that it can be drawn for another width.

In: each group of finished lines as a function of the width, and the lines as they were written. Out: both go to the
`LastTurn`, when the turn has ended.
"""

from __future__ import annotations

from collections.abc import Sequence

from mull.terminal.console.last_turn import Draw, LastTurn


class TurnLines:
    """Without a `turn`, nothing is kept."""

    def __init__(self, turn: LastTurn | None) -> None:
        self._turn = turn
        self._draws: list[Draw] = []
        self._written: list[str] = []

    def add(self, draw: Draw) -> None:
        """The next lines are what this draws."""
        self._draws.append(draw)

    def wrote(self, lines: Sequence[str]) -> None:
        if self._turn is not None:
            self._written += lines

    def forget(self) -> None:
        """Lines have been written that cannot be drawn again."""
        if self._turn is not None:
            self._turn.forget()

    def end(self, columns: int) -> None:
        """All lines are written, the last ones for this width."""
        if self._turn is not None:
            self._turn.add(self._written, columns, self._draw)
        self._written = []

    def _draw(self, columns: int) -> Sequence[Sequence[str]]:
        return [part for draw in self._draws for part in draw(columns)]
