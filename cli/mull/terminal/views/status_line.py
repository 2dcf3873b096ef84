"""Lines at the bottom of stderr that are redrawn in place and removed in the end.

In: lines within the terminal's width. Out: they are drawn, only where the cursor can be moved, by the region that also
draws answers: one write per frame, clean after a resize. A stderr that takes no more is not worth failing for: the
lines are then given up.
"""

from __future__ import annotations

from collections.abc import Sequence

from mull.terminal.console.streams import Streams
from mull.terminal.views.live_region import LiveRegion

FRAME_SECONDS = 0.1  # between two frames, for whoever draws in a loop


class StatusLines:
    """`draw` replaces the lines, `clear` removes them, `write` puts a line above that stays."""

    def __init__(self, streams: Streams, *, quiet: bool) -> None:
        self.quiet = quiet
        self.moves = streams.stderr_live
        self._streams = streams
        # The cursor stays visible: a signal that ends the process must not leave a terminal without one.
        self._region = LiveRegion(self._write, streams.size, hides_cursor=False)
        self._drawn = False

    def draw(self, lines: Sequence[str]) -> None:
        """Lines with codes of the stream's style, each within the width; the last ones, if the screen is too low."""
        if self.moves and not self.quiet:
            self._region.paint(lines)
            self._drawn = True

    def clear(self) -> None:
        if self._drawn:
            self._region.close()
            self._drawn = False

    def write(self, line: str) -> None:
        if not self.quiet:
            self.clear()
            self._write(line + "\n")

    def _write(self, text: str) -> None:
        try:
            self._streams.stderr.write(text)
            self._streams.stderr.flush()
        except (OSError, ValueError):
            self.quiet = True
