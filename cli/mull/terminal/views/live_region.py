"""The live region: the last lines of a terminal, repainted in place, while finished lines scroll away above.

In: finished lines (`above`) and the region's lines, as strings that may have SGR codes. Out: one write per frame, with
only the changes. It never paints more lines than the screen has, and counts the rows that the old lines take after a
resize. A line that only some terminals can fit (see `width.most`) is cut off at the edge there, not wrapped. Between
two calls, nothing else may write to the terminal.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from mull.terminal.console.width import most, width

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
        self._shown: list[str] = []  # the lines on the screen; the cursor is at the start of the last one
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
        anew = above or columns != self._columns
        body = self._rewritten(above, lines, columns) if anew else self._changed(lines)
        hide = "" if self._hidden or not lines or not self._hides_cursor else _HIDE
        self._hidden = self._hidden or bool(hide)
        self._shown, self._columns = lines, columns
        self._write(f"{_BEGIN}{hide}{body}{_END}")

    def close(self, above: Sequence[str] = ()) -> None:
        """Remove the region, write `above`, and show the cursor at the start of a line. May be called again."""
        self.paint([], above)
        if self._hidden:
            self._hidden = False
            self._write(_SHOW)

    def _rewritten(self, above: Sequence[str], lines: Sequence[str], columns: int) -> str:
        """Everything from the region's first row on; each line is cleared as it is overwritten, to avoid flicker."""
        text = "\r\n".join(
            [
                *(_cleared(line, columns, wraps=True) for line in above),
                *(_cleared(line, columns) for line in lines),
            ]
        )
        if above and not lines:
            text += "\r\n"
        return f"{self._home(columns)}{text}\x1b[J\r"

    def _changed(self, lines: Sequence[str]) -> str:
        """Only the lines that differ from those on the screen; the width is the same."""
        parts = [self._home(self._columns)]
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
            parts.append("\x1b[J\x1b[A\r" if lines else "\x1b[J")
        else:
            go_to(len(lines) - 1)
        return "".join(parts)

    def _home(self, columns: int) -> str:
        """Move from the start of the region's last line to that of its first row. After a resize the terminal has
        wrapped the old lines again, and the cursor has stayed at its line's first column."""
        rows = len(self._shown[:-1])
        if columns != self._columns:
            rows = sum(max(1, -(-width(_visible(line)) // max(1, columns))) for line in self._shown[:-1])
        return f"\r\x1b[{rows}A" if rows else "\r"


def _cleared(line: str, columns: int, *, wraps: bool = False) -> str:
    """The line, and what clears the rest of its row. A line of the region must stay on its row, whatever the terminal
    makes of it; a finished one may wrap (`wraps`)."""
    cells = most(_visible(line))
    if cells < columns:
        return f"{line}\x1b[K"
    return f"\x1b[K{line}" if wraps or cells == columns else f"\x1b[K{_NO_WRAP}{line}{_WRAP}"


def _visible(line: str) -> str:
    return _CODES.sub("", line)
