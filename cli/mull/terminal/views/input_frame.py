"""The input's frame between a turn and a prompt: it stays where it is, and what is written goes above it.

In: the live region of a turn that has ended, or a prompt that was left. Out: the frame below the cursor, until the
prompt draws its own over it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from mull.terminal.console.streams import Streams
from mull.terminal.input.typeahead import Typeahead
from mull.terminal.views.composer import FRAME_ROWS, Composer
from mull.terminal.views.live_region import LiveRegion


class InputFrame:
    """`composer` draws the input with what was typed ahead, during a turn and after it."""

    def __init__(self, streams: Streams, typeahead: Typeahead) -> None:
        self.composer = Composer(streams, typeahead)
        self._streams = streams
        self._region: LiveRegion | None = None  # it shows the frame
        self._bar = ""

    @property
    def fits(self) -> bool:
        """Whether it can stay: notes go above it, which belong to a stderr that is no terminal."""
        streams = self._streams
        return streams.stdout_live and streams.stderr_live and streams.size()[1] >= FRAME_ROWS

    def show(self) -> None:
        """Draw the frame below the cursor: the prompt has been left, and no turn draws it yet."""
        if self.fits:
            self._region, self._bar = LiveRegion(self._streams.write, self._streams.size), ""
            self.write([])

    def keep(self, region: LiveRegion, above: Sequence[str], bar: str) -> None:
        """End a turn: its last lines `above`, then the frame with the turn's `bar`; the region now belongs to it."""
        self._region, self._bar = region, bar
        region.paint(self._lines(), above)
        region.show_cursor()

    def write(self, lines: Sequence[str], *, gap: bool = True) -> bool:
        """Write lines above the frame, without a moment that lacks it; False where there is none. `gap`: a blank line
        separates them."""
        if self._region is None:
            return False
        self._region.paint(self._lines()[not gap :], lines)
        self._region.show_cursor()
        return True

    @contextmanager
    def lifted(self) -> Iterator[None]:
        """Whatever else writes whole lines does it in here: the frame is below them afterwards."""
        region, self._region = self._region, None
        if region is not None:
            region.close()
        yield
        self._region = region
        self.write([])

    def remove(self) -> None:
        """Erase the frame, if there is one."""
        if self._region is not None:
            self._region.close()
        self._region = None

    def hand_over(self) -> None:
        """The prompt or the next turn erases what is below the cursor and draws a frame there, at once."""
        self._region = None

    def _lines(self) -> list[str]:
        return ["", *self.composer.lines(*self._streams.size()), self._bar]
