"""Background threads of downloads: results and failures reach the main thread, and no thread delays the exit."""

from __future__ import annotations

import subprocess
import sys
import threading
from types import SimpleNamespace
from typing import Any, cast

import pytest

from mull.control import TurnControl
from mull.models.hub.background import run_in_background
from mull.models.hub.transfer import DownloadStopped, FileTransfer
from mull.models.hub.workers import DownloadPool, wait_for


class Transfer:
    """A transfer that runs a function; it is stopped by the same event as its pool."""

    def __init__(self, work: Any) -> None:
        self.run = work
        self.done = 0
        self.doing = "downloading"
        self.file = SimpleNamespace(bytes=1)


def pool(stop: threading.Event, *works: Any) -> DownloadPool:
    made = DownloadPool(cast("list[FileTransfer]", [Transfer(work) for work in works]), stop)
    made.start()
    return made


def test_a_future_carries_the_result_or_the_exception() -> None:
    assert run_in_background(lambda: 7, "test").result(10) == 7
    with pytest.raises(ZeroDivisionError):
        run_in_background(lambda: 1 // 0, "test").result(10)


def test_waiting_ends_with_the_result_the_failure_or_a_stop() -> None:
    control = TurnControl()
    with pytest.raises(ZeroDivisionError):
        list(wait_for(lambda _: 1 // 0, control))
    waiting = wait_for(lambda stop: stop.wait(10), control)
    next(waiting)
    control.stop()
    with pytest.raises(DownloadStopped):
        next(waiting)


def test_the_first_failure_stops_the_pool_and_is_raised_rather_than_the_stops() -> None:
    stop = threading.Event()
    ran: list[int] = []

    def stopped() -> None:
        assert stop.wait(10)
        raise DownloadStopped

    def fail() -> None:
        raise OSError("disk")

    failing = pool(stop, stopped, stopped, fail, lambda: ran.append(1))
    failing.wait(10)
    assert not failing.busy
    assert not ran
    with pytest.raises(OSError, match="disk"):
        failing.raise_failure()


def test_a_pool_without_failures_runs_every_transfer() -> None:
    ran: list[int] = []
    complete = pool(threading.Event(), *(lambda number=number: ran.append(number) for number in range(10)))
    complete.wait(10)
    complete.raise_failure()
    assert sorted(ran) == list(range(10))


def test_a_hanging_thread_does_not_keep_the_process_alive() -> None:
    code = (
        "import threading; from mull.models.hub.background import run_in_background; "
        "run_in_background(threading.Event().wait, 'hanging')"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)
