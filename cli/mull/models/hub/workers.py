"""Network requests in background threads, so that the screen moves and Ctrl+C works while the network is silent.

`wait_for` runs one call, a `DownloadPool` several transfers in parallel. The main thread polls both; what failed in a
thread is raised in the main thread.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, wait
from functools import partial
from typing import TypeVar

from mull.control import TurnControl
from mull.job_events import FileProgress
from mull.models.hub.background import run_in_background
from mull.models.hub.transfer import DownloadStopped, FileTransfer
from mull.models.naming.filenames import part_of

PARALLEL = 3  # files of a split model
POLL_SECONDS = 0.1
STOP_SECONDS = 1.0  # for all threads to end after a stop

T = TypeVar("T")


def wait_for(work: Callable[[threading.Event], T], control: TurnControl) -> Generator[None, None, T]:
    """Run `work` in a thread and return its result, yielding every `POLL_SECONDS`.

    `work` gets an event that is set when nobody waits for its result any more. Raises what `work` raises, and
    DownloadStopped when the user stops.
    """
    stop = threading.Event()
    future = run_in_background(partial(work, stop), "hub")
    while not wait([future], POLL_SECONDS).done:
        if control.stopped:
            stop.set()
            raise DownloadStopped
        yield
    return future.result()


class DownloadPool:
    """Up to `PARALLEL` threads that run the transfers in order; the first failure stops them all."""

    def __init__(self, transfers: Sequence[FileTransfer], stop: threading.Event) -> None:
        self._transfers = transfers
        self._stop = stop
        self._pending = list(transfers)
        self._lock = threading.Lock()
        self._workers: list[Future[None]] = []

    def start(self) -> None:
        count = min(PARALLEL, len(self._transfers))
        self._workers = [run_in_background(self._work, "pull") for _ in range(count)]

    @property
    def busy(self) -> bool:
        return any(not worker.done() for worker in self._workers)

    @property
    def done(self) -> int:
        """Bytes that were downloaded or were there before."""
        return sum(transfer.done for transfer in self._transfers)

    @property
    def files(self) -> tuple[FileProgress, ...]:
        """The files, where there are several."""
        if len(self._transfers) < 2:
            return ()
        return tuple(
            FileProgress(_short(transfer.file.filename), transfer.done, transfer.file.bytes)
            for transfer in self._transfers
        )

    @property
    def doing(self) -> str:
        """The state of the unfinished files: "downloading" as long as any of them is."""
        states = [transfer.doing for transfer in self._transfers if transfer.done < transfer.file.bytes]
        return states[0] if states and "downloading" not in states else "downloading"

    @property
    def on_disk(self) -> int:
        """Bytes in whole and partial files."""
        return sum(transfer.present() for transfer in self._transfers)

    def wait(self, seconds: float) -> None:
        """Wait until all threads have ended, or for this long."""
        wait(self._workers, seconds)

    def stop(self) -> None:
        """Let the threads finish their current step; one that hangs in a silent connection is abandoned."""
        self._stop.set()
        self.wait(STOP_SECONDS)

    def raise_failure(self) -> None:
        """Raise the failure of a transfer, if there was one, rather than the DownloadStopped of those it stopped."""
        failures = [failure for worker in self._workers if (failure := worker.exception()) is not None]
        for failure in sorted(failures, key=lambda one: isinstance(one, DownloadStopped)):
            raise failure

    def _work(self) -> None:
        while not self._stop.is_set():
            with self._lock:
                if not self._pending:
                    return
                transfer = self._pending.pop(0)
            try:
                transfer.run()
            except BaseException:
                self._stop.set()
                raise


def _short(filename: str) -> str:
    """A file's name; of a split model's the part, since these names differ only at their end."""
    part = part_of(filename)
    return f"part {part[0]} of {part[1]}" if part else filename.rpartition("/")[2]
