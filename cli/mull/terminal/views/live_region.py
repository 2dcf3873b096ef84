"""The live region: the last lines of a terminal, repainted in place, while finished lines scroll away above.

In: finished lines (`above`) and the region's lines, as strings that may have SGR codes. Out: one write per frame, with
only the changes. It never paints more lines than the screen has. A line that does not fit (`width.most`; or the
window has just become narrower) is cut off at the edge, not wrapped. Between two calls, nothing else may write to
the terminal.

The cursor rests at the start of the region's first row. After a resize, some terminals have wrapped the old lines
again, others have cut them, but in all of them the cursor is still there, and all that is below belongs to the region.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from mull.terminal.console.erasing import ERASE_BELOW
from mull.terminal.console.width import most

_CODES = re.compile(r"\x1b(?:\[[0-9;]*m|\]8;[^\x1b]*\x1b\\)")  # SGR, and the ends of links
_HIDE, _SHOW = "\x1b[?25l", "\x1b[?25h"
# A terminal with "synchronized output" shows a frame as a whole; others ignore the mode.
_BEGIN, _END = "\x1b[?2026h", "\x1b[?2026l"
_NO_WRAP, _WRAP = "\x1b[?7l", "\x1b[?7h"


class LiveRegion:
    """`write` sends text to the terminal and flushes; `size` returns the current (columns, rows)."""

    def __init__(
        self,
        write: Callable[[str], object],
        size: Callable[[], tuple[int, int]],
        *,
        hides_cursor: bool = True,
    ) -> None:
        self._write = write
        self._hides_cursor = hides_cursor
        self._size = size
        self._shown: list[str] = []  # the lines on the screen; the cursor is at the start of the first one
        self._columns = 0
        self._hidden = False

    def paint(self, lines: Sequence[str], above: Sequence[str] = ()) -> None:
        """Write `above`, which stays, and `lines` below it: the last ones, if they don't fit.

        Each of `lines` must fit the terminal's width. Lines of `above` may be longer: the terminal wraps them.
        """
        columns, rows = self._size()
        lines = list(lines[-max(1, rows - 1) :])
        if not above and lines == self._shown and columns == self._columns:
            return
        rewrite = above or columns != self._columns
        body = self._rewritten(above, lines, columns) if rewrite else self._changed(lines)
        hide = "" if self._hidden or not lines or not self._hides_cursor else _HIDE
        self._hidden = self._hidden or bool(hide)
        self._shown, self._columns = lines, columns
        self._write(f"{_BEGIN}{hide}{body}{_END}")

    def close(self, above: Sequence[str] = ()) -> None:
        """Remove the region, write `above`, and show the cursor at the start of a line. May be called again."""
        self.paint([], above)
        self.show_cursor()

    def show_cursor(self) -> None:
        """Show the cursor, until the next frame."""
        if self._hidden:
            self._hidden = False
            self._write(_SHOW)

    def _rewritten(self, above: Sequence[str], lines: Sequence[str], columns: int) -> str:
        """Everything from the region's first row on; each line is cleared as it is overwritten, to avoid flicker."""
        resized = columns != self._columns
        clears = resized or any(most(_visible(line)) >= columns for line in above)
        parts = [f"\r{ERASE_BELOW}" if clears else "\r"]
        # tmux would wrap cells again that were only overwritten, as if they were text: a row is cleared as a whole.
        parts += [f"\x1b[2K{line}\r\n" for line in above]
        if lines:
            parts += [_NO_WRAP, "\r\n".join(_cleared(line, columns) for line in lines), _WRAP]
        return "".join(parts) + f"{ERASE_BELOW}\r" + _up(len(lines) - 1)

    def _changed(self, lines: Sequence[str]) -> str:
        """Only the lines that differ from those on the screen; the width is the same."""
        parts = [f"\r{_NO_WRAP}"]
        row, last = 0, len(self._shown) - 1

        def go_to(wanted: int) -> None:
            nonlocal row
            down = min(wanted, max(last, 0)) - row
            if down > 0:
                parts.append(f"\x1b[{down}B")
            parts.append("\r\n" * (wanted - row - max(down, 0)))
            row = wanted

        for index, line in enumerate(lines):
            if index <= last and line == self._shown[index]:
                continue
            go_to(index)
            parts.append(f"{_cleared(line, self._columns)}\r")
        if len(lines) <= last:
            go_to(len(lines))
            parts.append(ERASE_BELOW)
        return "".join([*parts, _WRAP, _up(row)])


def _up(rows: int) -> str:
    return f"\x1b[{rows}A" if rows > 0 else ""


def _cleared(line: str, columns: int) -> str:
    """The line, and what clears the rest of its row; a line that fills it or more comes after that."""
    return f"{line}\x1b[K" if most(_visible(line)) < columns else f"\x1b[K{line}"


def _visible(line: str) -> str:
    return _CODES.sub("", line)
