"""Plain text that streams: finished lines for the scrollback, and the unfinished one for the live region.

In: text in any chunks. Out: `take` gives the lines that are final since the last call and the tail as it
stands, `finish` the rest. Finished lines are left unbroken for the terminal to wrap, so that a copied line is
the model's line; only one that outgrows the screen is broken early, so that the work per character stays
bounded.
"""

from __future__ import annotations

from mull.terminal.console.sanitize import Sanitizer
from mull.terminal.console.width import TAB, wrap


class Flow:
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

    def finish(self, columns: int) -> list[str]:
        """What is left, as finished lines; trailing blank lines go."""
        del columns  # the terminal wraps
        rest = (self._tail + self._sanitizer.finish()).expandtabs(TAB).rstrip("\n")
        self._tail = ""
        return rest.split("\n") if rest else []
