"""Run a call in a daemon thread: a `Future` carries its result or its exception to whoever waits.

The threads of `ThreadPoolExecutor` are joined when the interpreter exits; one that hangs in a dead connection would
keep the process from ending after Ctrl+C. A daemon thread does not.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


def run_in_background(work: Callable[[], T], name: str) -> Future[T]:
    """Start the call in a thread of this name."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as failure:  # noqa: BLE001 - raised again by Future.result()
            future.set_exception(failure)

    threading.Thread(target=run, name=name, daemon=True).start()
    return future
