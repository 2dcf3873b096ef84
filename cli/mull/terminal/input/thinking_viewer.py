"""The thinking of past turns, above the prompt's input.

In: a callback for the turns, keys as calls. Out: lines for the prompt.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mull.terminal.console.sanitize import one_line, visible
from mull.terminal.console.width import clip, fitting

Thoughts = Callable[[], Sequence[tuple[str, str]]]  # (question, thinking) of each turn, the last turn's last
Draw = Callable[[str, int], Sequence[str]]  # a text and columns → lines
PAGE_LINES = 8


class ThinkingViewer:
    """The thinking of past turns, above the prompt; closed at first. Turns without thinking are skipped."""

    def __init__(self, thoughts: Thoughts, draw: Draw) -> None:
        self._thoughts = thoughts
        self._draw = draw
        self._drawn: tuple[str, int] = ("", 0)  # thoughts and columns of `_body`
        self._body: Sequence[str] = ()
        self._turns: list[tuple[str, str]] = []
        self._index = 0
        self._top = 0

    @property
    def open(self) -> bool:
        return bool(self._turns)

    def toggle(self) -> None:
        """Show the last turn's thinking, or hide it."""
        thought = [] if self._turns else [turn for turn in self._thoughts() if turn[1].strip()] or [("", "")]
        self._turns, self._index, self._top = thought, len(thought) - 1, 0

    def close(self) -> None:
        self._turns = []

    def turn(self, step: int) -> None:
        """Show an earlier (-1) or a later (1) turn's."""
        self._index = min(max(self._index + step, 0), len(self._turns) - 1)
        self._top = 0

    def scroll(self, step: int) -> None:
        """A page up (-1) or down (1); `lines` clamps it."""
        self._top += step * PAGE_LINES

    def lines(self, columns: int, rows: int) -> list[str]:
        """A heading, the question and a part of the thinking: at most `rows` lines (3 or more); none when closed."""
        if not self._turns:
            return []
        question, text = self._turns[self._index]
        text = visible(text).strip("\n")
        if not text:
            return [clip("▾ No thinking to show · Ctrl+O closes", columns - 1)]
        if self._drawn != (text, columns):
            self._drawn, self._body = (text, columns), self._draw(text, columns - 3)
        body, room = self._body, max(rows - 2, 1)
        self._top = max(0, min(self._top, len(body) - room))
        shown = body[self._top : self._top + room]
        head = [f"▾ Thinking {self._index + 1} of {len(self._turns)}"]
        if len(shown) < len(body):
            head.append(f"lines {self._top + 1}-{self._top + len(shown)} of {len(body)}, PgUp PgDn")
        head.append("Ctrl+O closes")
        if len(self._turns) > 1:
            head.append("Up Down: other turns")
        title = clip(f"> {one_line(question)}", columns - 1)
        return [fitting(head, columns - 1, " · "), title, *(f"│ {line}" for line in shown)][:rows]
