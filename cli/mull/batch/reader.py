"""Lines as they come: read by a thread, a few ahead, so that a slow pipe never holds up what is being computed.

In: an iterator of lines that may block. Out: the next line, if there is one by now. It reads ahead `AHEAD` lines and no
more; a failure to read is raised to whoever takes the next line. The thread dies with the process.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable

from mull.batch.lines import Line

AHEAD = 64
_POLL = 0.1  # seconds until somebody who waits for a line can look whether he is still to wait


class Feed:
    """`take` lines until it has `ended`."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self.ended = False
        self._first: Line | None = None
        self._queue: queue.Queue[Line | BaseException | None] = queue.Queue(AHEAD)
        threading.Thread(target=self._read, args=(lines,), name="mull-lines", daemon=True).start()

    def is_empty(self) -> bool:
        """Whether there is no line at all; returns once that is known."""
        while self._first is None and not self.ended:
            self._first = self.take(wait=True)
        return self._first is None

    def take(self, *, wait: bool) -> Line | None:
        """The next line; None when there is none yet (with `wait`: not within a moment), or never again."""
        if self._first is not None:
            first, self._first = self._first, None
            return first
        if self.ended:
            return None
        try:
            found = self._queue.get(timeout=_POLL) if wait else self._queue.get_nowait()
        except queue.Empty:
            return None
        if isinstance(found, Line):
            return found
        self.ended = True
        if found is not None:
            raise found
        return None

    def _read(self, lines: Iterable[Line]) -> None:
        try:
            for line in lines:
                self._queue.put(line)
        except BaseException as error:  # noqa: BLE001 - carried to the thread that takes
            self._queue.put(error)
        else:
            self._queue.put(None)
