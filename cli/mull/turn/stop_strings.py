"""Stop strings: pass text through up to the first stop string.

A `feed`/`finish` pair. Text that may begin a stop string is held back until that is decided, so a stop string is never
shown, however the text is chunked.
"""

from __future__ import annotations

from collections.abc import Sequence


class StopFilter:
    """Passes text through up to the stop string that is complete first (the longest, if several end together)."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = tuple(stop for stop in stops if stop)
        self._held_back = ""
        self.stopped = False

    @property
    def held_back(self) -> int:
        """How many characters of the text so far may begin a stop string."""
        return len(self._held_back)

    def feed(self, text: str) -> str:
        """Take more text; return what can be shown. After a stop string, discard everything."""
        if self.stopped or not self._stops:
            return "" if self.stopped else text
        text = self._held_back + text
        found = [(at + len(stop), at) for stop in self._stops if (at := text.find(stop)) >= 0]
        if found:
            self.stopped, self._held_back = True, ""
            return text[: min(found)[1]]
        overlap = max(_overlap(text, stop) for stop in self._stops)
        self._held_back = text[len(text) - overlap :]
        return text[: len(text) - overlap]

    def finish(self) -> str:
        """Return the text that was held back and turned out not to be a stop string."""
        held_back, self._held_back = self._held_back, ""
        return held_back


def _overlap(text: str, stop: str) -> int:
    """Length of the longest proper prefix of `stop` that `text` ends with."""
    for length in range(min(len(stop) - 1, len(text)), 0, -1):
        if text.endswith(stop[:length]):
            return length
    return 0
