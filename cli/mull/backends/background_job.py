"""A function in a background thread, for loading."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class BackgroundJob(Generic[T]):
    """A function running in a daemon thread; `result` returns its value or raises its exception.

    `on_done` is called in that thread once the job is done.

    It is no `concurrent.futures` job for two reasons: the interpreter joins an executor's threads at exit, so that a
    load that cannot be aborted would delay it; and the import (of logging, above all) would delay every start by 8 ms.
    """

    def __init__(self, name: str, work: Callable[[], T], on_done: Callable[[], None] = lambda: None) -> None:
        self._work = work
        self._on_done = on_done
        self._done = threading.Event()
        self._outcome: tuple[T] | BaseException | None = None
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def _run(self) -> None:
        try:
            self._outcome = (self._work(),)
        except BaseException as error:  # noqa: BLE001 - raised in the thread that asks for the result
            self._outcome = error
        finally:
            self._done.set()
            self._on_done()

    @property
    def done(self) -> bool:
        return self._done.is_set()

    @property
    def succeeded(self) -> bool:
        return isinstance(self._outcome, tuple)

    def wait(self, seconds: float) -> bool:
        """Wait for the end, at most this long; returns whether it has ended."""
        return self._done.wait(seconds)

    def result(self) -> T:
        """Wait for the end; returns what the function returned, raises what it raised."""
        self._done.wait()
        if isinstance(self._outcome, tuple):
            return self._outcome[0]
        raise self._outcome or RuntimeError
