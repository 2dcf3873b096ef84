"""Control of a running turn: stop, and answer now; and the signal handlers that use it.

A key reader, a signal handler or a test sets a `TurnControl` from any thread; the turn checks it between steps, and for
`stop` within prompt processing too. It carries no data and never blocks.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

TWICE = 2.0
"""Seconds within which a second Ctrl+C leaves at once."""


class TurnControl:
    """Thread-safe: `stop()` ends the turn, `answer_now()` ends the thinking and starts the answer."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._answer_now = threading.Event()
        self.signal = 0  # the number of the signal that ends the process, if it is not SIGINT

    def stop(self) -> None:
        """End the turn within 200 ms; the partial answer is stored."""
        self._stop.set()

    def answer_now(self) -> None:
        """End the thinking and start the answer. No effect once the answer has started."""
        self._answer_now.set()

    @property
    def stopped(self) -> bool:
        return self._stop.is_set()

    @property
    def wants_answer(self) -> bool:
        return self._answer_now.is_set()


@contextmanager
def stop_on_interrupt(control: TurnControl, *, terminated: bool = False) -> Iterator[None]:
    """Ctrl+C stops the turn, whose partial answer is stored; a second one within two seconds raises KeyboardInterrupt.

    With `terminated`, SIGTERM and SIGHUP do the same, unless they are ignored (nohup), and set `control.signal`.
    For runs without a key reader. Only the main thread can have signal handlers; in others this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    last = -TWICE

    def on_interrupt(number: int, _frame: FrameType | None) -> None:
        nonlocal last
        if number != signal.SIGINT:
            control.signal = number
        now = time.monotonic()
        if now - last < TWICE:
            raise KeyboardInterrupt
        last = now
        control.stop()

    numbers = [signal.SIGINT]
    if terminated:
        numbers += [signal.SIGTERM] if sys.platform == "win32" else [signal.SIGTERM, signal.SIGHUP]
    handled = [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, on_interrupt) for number in handled}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
