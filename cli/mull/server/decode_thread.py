"""The one thread that decodes, for all models of the server in turn.

In: jobs, put into the queues of the models. Out: their events, a list for each step, handed over in one call. Other
work that a backend's thread has to do (counting tokens) runs between two steps. It sleeps while nothing is to be done.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TypeVar

from mull.control import TurnControl
from mull.engine.native.heap import release_freed_memory
from mull.server.served_model import Outbox, ServedModel

T = TypeVar("T")
_LOOK = 5.0  # seconds between two looks without a `wake`: only in case that one was lost
_JOIN = 5.0


class DecodeThread:
    """`hand_over` is called in this thread, with the events of one step. `control` stops everything."""

    def __init__(self, hand_over: Callable[[Outbox], None]) -> None:
        self.control = TurnControl()
        self.models: Sequence[ServedModel] = ()
        self._hand_over = hand_over
        self._changed = threading.Event()
        self._calls: deque[Callable[[], None]] = deque()
        self._thread = threading.Thread(target=self._run, name="mull-serve", daemon=True)

    def start(self, models: Sequence[ServedModel]) -> None:
        """Begin to serve these models, which wake this thread by its `wake`."""
        self.models = models
        self._thread.start()

    def wake(self) -> None:
        """There is something new; from any thread."""
        self._changed.set()

    def call(self, function: Callable[[], T]) -> Future[T]:
        """Run a function between two steps; from any thread."""
        future: Future[T] = Future()

        def run() -> None:
            try:
                future.set_result(function())
            except BaseException as error:  # noqa: BLE001 - the caller's
                future.set_exception(error)

        self._calls.append(run)
        self.wake()
        return future

    def stop(self) -> bool:
        """Drop all turns and free the models. False: it hangs in llama.cpp, and the process has to end without it."""
        self.control.stop()
        self.wake()
        if self._thread.is_alive():
            self._thread.join(_JOIN)
        return not self._thread.is_alive()

    def _run(self) -> None:
        worked = False
        try:
            while not self.control.stopped:
                self._changed.clear()
                while self._calls:
                    self._calls.popleft()()
                outbox: Outbox = []
                busy = [model.step(outbox) for model in self.models]
                if outbox:
                    self._hand_over(outbox)
                    worked = True
                if not any(busy):
                    if worked:
                        release_freed_memory()
                        worked = False
                    self._changed.wait(_LOOK)
        finally:
            for model in self.models:
                model.close()
