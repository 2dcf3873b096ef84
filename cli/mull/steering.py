"""What the person at the keyboard wants of a running turn: the counter-current to `events`.

A key reader, a signal handler or a test sets these from any thread; the turn looks at them between steps and, for
`stop`, inside prompt processing. It carries no data and never blocks.
"""

from __future__ import annotations

import threading


class Steering:
    """Thread-safe wishes: `stop()` ends the turn, `answer_now()` ends the thinking and starts the answer."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._answer_now = threading.Event()

    def stop(self) -> None:
        """End the turn within 200 ms; what was said so far is kept."""
        self._stop.set()

    def answer_now(self) -> None:
        """Enough thinking: close it and let the answer begin. No effect once the answer has begun."""
        self._answer_now.set()

    @property
    def stopped(self) -> bool:
        return self._stop.is_set()

    @property
    def wants_answer(self) -> bool:
        return self._answer_now.is_set()
