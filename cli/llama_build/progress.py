"""The progress of the build, read from ninja's output: `[37/74] · 1:10 · about 1:20 left`.

On a terminal one line that is rewritten, with a bar where it has room; in a pipe a plain line every 30 seconds.
Everything goes to stderr. It runs before anything is installed, so the bar is not drawn by a library.
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable
from typing import TextIO

_STEP = re.compile(r"^\[(\d+)/(\d+)\] ")
_PIPE_SECONDS = 30.0
_TERMINAL_SECONDS = 1.0
_BAR, _SHORTEST_BAR = 28, 6  # cells
_FIRST_ESTIMATE = 0.1  # of the steps: before that the rate says little


class Progress:
    """Shows how far the build is. `line` takes the output, `tick` passes time, `close` ends the display."""

    def __init__(self, stream: TextIO | None = None, now: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream or sys.stderr
        self._now = now
        self._began = now()
        self._steps: tuple[int, int] | None = None
        self._shown = self._began
        self._terminal = self._stream.isatty()
        self._width = 0

    def line(self, text: str) -> None:
        """Take a line of the build's output."""
        found = _STEP.match(text)
        if found:
            self._steps = int(found.group(1)), int(found.group(2))
        self.tick()

    def tick(self) -> None:
        """Show the state again if it is time."""
        pause = _TERMINAL_SECONDS if self._terminal else _PIPE_SECONDS
        if self._now() - self._shown >= pause:
            self._shown = self._now()
            self._show(self.text())

    def text(self) -> str:
        """The state as one line."""
        passed = self.seconds()
        if self._steps is None:
            return clock(passed)
        done, total = self._steps
        text = f"[{done}/{total}] · {clock(passed)}"
        if done < total and done >= total * _FIRST_ESTIMATE:
            text += f" · about {clock(_rounded(passed / done * (total - done)))} left"
        return text

    def seconds(self) -> float:
        """How long it has taken so far."""
        return self._now() - self._began

    def close(self) -> None:
        """Remove the line from the terminal."""
        if self._terminal and self._width:
            self._stream.write("\r" + " " * self._width + "\r")
            self._stream.flush()

    def _show(self, text: str) -> None:
        if self._terminal:
            text = self._bar(len(text)) + text
            self._stream.write("\r" + text.ljust(self._width))
            self._width = len(text)
        else:
            self._stream.write(text + "\n")
        self._stream.flush()

    def _bar(self, beside: int) -> str:
        """The share of the steps that are done, `━━━━────  `; empty where the line has no room for it."""
        cells = min(_BAR, self._columns() - beside - 3)
        if self._steps is None or cells < _SHORTEST_BAR:
            return ""
        done, total = self._steps
        full = cells * done // max(total, 1)
        utf8 = (self._stream.encoding or "").lower().replace("-", "") == "utf8"
        line, rest = ("━", "─") if utf8 else ("=", "-")
        return line * full + rest * (cells - full) + "  "

    def _columns(self) -> int:
        try:
            return os.get_terminal_size(self._stream.fileno()).columns
        except (OSError, ValueError):
            return 80


def clock(seconds: float) -> str:
    """Minutes and seconds: 1:05."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def _rounded(seconds: float) -> float:
    """An estimate, without digits that would be false: to 10 seconds, above ten minutes to a minute."""
    grain = 60 if seconds > 600 else 10
    return max(grain, round(seconds / grain) * grain)
