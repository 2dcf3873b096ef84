"""When a server leaves: after a time without a request.

In: the beginnings and ends of requests, from any thread. Out: `wait`, which returns when the time is over. Both clocks
count: the monotonic one stands still while a laptop sleeps, and the wall clock can be set back.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LONGEST_WAIT = (
    20.0  # seconds between two looks at the clocks: after a sleep, the time is over so much too late
)


class IdleTimer:
    """Counts requests. `seconds`: how long it waits for the next one.

    `touch` gets the seconds whenever the time starts again, and now and then while a request runs.
    """

    def __init__(self, seconds: float, touch: Callable[[float], None] = lambda _: None) -> None:
        self._seconds = seconds
        self._touch = touch
        self._running = 0
        self._changed = threading.Condition()
        self._since = _clocks()
        self._ended = False

    @property
    def seconds(self) -> float:
        return self._seconds

    @contextmanager
    def request(self, seconds: float | None = None) -> Iterator[None]:
        """A request is being answered. `seconds`: the time to wait for the next one, from now on."""
        with self._changed:
            self._seconds = seconds if seconds is not None else self._seconds
            self._running += 1
            self._restart()
        try:
            yield
        finally:
            with self._changed:
                self._running -= 1
                self._restart()

    def end(self) -> None:
        """Let `wait` return at once."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def wait(self) -> None:
        """Return when no request has come for the time."""
        with self._changed:
            while not self._ended:
                if self._running:
                    self._restart()
                left = self._seconds - self._idle()
                if left <= 0:
                    return
                self._changed.wait(min(left, LONGEST_WAIT))

    def _restart(self) -> None:
        self._since = _clocks()
        self._touch(self._seconds)
        self._changed.notify_all()

    def _idle(self) -> float:
        return max(now - then for now, then in zip(_clocks(), self._since, strict=True))


def _clocks() -> tuple[float, float]:
    return time.monotonic(), time.time()
