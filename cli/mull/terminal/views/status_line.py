"""One line at the bottom of stderr that is redrawn in place and removed in the end.

In: text. Out: the line, cut to the terminal's width. It is drawn only where the cursor can be moved. A stderr that
takes no more is not worth failing for: the line is then given up.
"""

from __future__ import annotations

from mull.terminal.console.streams import Streams
from mull.terminal.console.width import clip

FRAME_SECONDS = 0.1  # between two frames, for whoever draws in a loop


class StatusLine:
    """`draw` replaces the line, `clear` removes it, `write` puts a line above that stays."""

    def __init__(self, streams: Streams, *, quiet: bool) -> None:
        self.quiet = quiet
        self.moves = streams.stderr_live
        self._streams = streams
        self._drawn = False

    def draw(self, text: str) -> None:
        """`text` may carry codes of the stream's style, if it fits the width."""
        if self.moves and not self.quiet:
            self._write(f"\r{text}\x1b[K")
            self._drawn = True

    def fit(self, text: str) -> str:
        """`text`, cut to the width; the last column stays free, as some terminals wrap there."""
        return clip(text, self._streams.width - 1)

    def clear(self) -> None:
        if self._drawn:
            self._write("\r\x1b[K")
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
