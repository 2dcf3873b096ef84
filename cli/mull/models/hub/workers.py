"""Work apart from the main thread, so that a screen moves and Ctrl+C is heard while the network is silent.

`apart` runs one call, a `DownloadPool` several transfers at once.
Both are polled; both raise what went wrong in the thread
that waits for them. The threads are daemons: one that hangs in a dead connection must not keep the process from ending.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Sequence
from typing import TypeVar

from mull.control import TurnControl
from mull.models.hub.transfer import FileTransfer, Stopped

AT_ONCE = 3  # files of a split model
TICK = 0.1  # seconds between two looks
PATIENCE = 1.0  # seconds for all threads to end

T = TypeVar("T")


def apart(work: Callable[[threading.Event], T], control: TurnControl) -> Generator[None, None, T]:
    """Run `work` in a thread and return its result, yielding now and then. Raises Stopped when the user stops."""
    results: list[T] = []
    failures: list[BaseException] = []
    stop, finished = threading.Event(), threading.Event()

    def run() -> None:
        try:
            results.append(work(stop))
        except BaseException as failure:  # noqa: BLE001 - raised again below
            failures.append(failure)
        finished.set()

    threading.Thread(target=run, name="hub", daemon=True).start()
    while not finished.wait(TICK):
        if control.stopped:
            stop.set()
            raise Stopped
        yield
    for failure in failures:
        raise failure
    return results[0]


class DownloadPool:
    """A few threads that work off the transfers; the first failure stops them all."""

    def __init__(self, transfers: Sequence[FileTransfer], stop: threading.Event) -> None:
        self._transfers = transfers
        self._stop = stop
        self._waiting = list(transfers)
        self._failures: list[BaseException] = []
        self._finished = threading.Event()
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(target=self._work, name="pull", daemon=True)
            for _ in range(min(AT_ONCE, len(transfers)))
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    @property
    def busy(self) -> bool:
        return any(thread.is_alive() for thread in self._threads)

    @property
    def done(self) -> int:
        return sum(transfer.done for transfer in self._transfers)

    @property
    def doing(self) -> str:
        """What most of it is about: "downloading" as long as any file is."""
        words = [transfer.doing for transfer in self._transfers if transfer.done < transfer.file.bytes]
        return words[0] if words and "downloading" not in words else "downloading"

    @property
    def kept(self) -> int:
        """Bytes on the disk."""
        return sum(transfer.present() for transfer in self._transfers)

    def wait(self, seconds: float) -> None:
        self._finished.wait(seconds)

    def end(self) -> None:
        """Let the threads finish their current step; one that hangs in a silent connection is left behind."""
        self._stop.set()
        deadline = time.monotonic() + PATIENCE
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(timeout=max(0.0, deadline - time.monotonic()))

    def raise_failure(self) -> None:
        real = [failure for failure in self._failures if not isinstance(failure, Stopped)]
        for failure in real or self._failures:
            raise failure

    def _work(self) -> None:
        while not self._stop.is_set():
            with self._lock:
                if not self._waiting:
                    break
                transfer = self._waiting.pop(0)
            try:
                transfer.run()
            except BaseException as failure:  # noqa: BLE001 - raised again in the main thread
                self._failures.append(failure)
                self._stop.set()
        self._finished.set()
