"""Read lines ahead in a thread, so that a slow pipe never blocks decoding.

In: an iterator of lines that may block. Out: the next line, if it has arrived. At most `READ_AHEAD` lines wait, of
`READ_AHEAD_BYTES` in all or one longer line. An error while reading is raised to the caller that takes the next line.
The thread is a daemon.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable

from mull.batch.lines import Line

READ_AHEAD = 64
READ_AHEAD_BYTES = 8 << 20  # a line may have 64 MB
_POLL = 0.1  # seconds that `take` blocks at most, so that its caller can look for a stop


class LineReader:
    """`take` lines until it has `ended`."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self.ended = False
        self._first: Line | None = None
        self._queue: queue.Queue[Line | BaseException | None] = queue.Queue(READ_AHEAD)
        self._bytes = 0  # of the lines that wait
        self._room = threading.Condition()
        threading.Thread(target=self._read, args=(lines,), name="mull-lines", daemon=True).start()

    def is_empty(self) -> bool:
        """Whether there is no line at all; blocks until that is known."""
        while self._first is None and not self.ended:
            self._first = self.take(wait=True)
        return self._first is None

    def take(self, *, wait: bool) -> Line | None:
        """The next line, or None if none has arrived (with `wait`: not within 0.1 s) or the input has ended."""
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
            with self._room:
                self._bytes -= found.size
                self._room.notify()
            return found
        self.ended = True
        if found is not None:
            raise found
        return None

    def _read(self, lines: Iterable[Line]) -> None:
        try:
            for line in lines:
                self._wait_for_room(line.size)
                self._queue.put(line)
        except BaseException as error:  # noqa: BLE001 - raised in the thread that takes
            self._queue.put(error)
        else:
            self._queue.put(None)

    def _wait_for_room(self, size: int) -> None:
        with self._room:
            self._room.wait_for(lambda: not self._bytes or self._bytes + size <= READ_AHEAD_BYTES)
            self._bytes += size
