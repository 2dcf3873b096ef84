"""Which process it is, and what has become of it: with real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from mull.keep_alive import process
from tests.waiting import wait_for

STUBBORN = "import signal; signal.signal(15, signal.SIG_IGN); print(flush=True); signal.pause()"


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "600"]) as running:
        yield running
        running.kill()


def test_a_process_has_one_identity(child: subprocess.Popen[bytes]) -> None:
    found = process.identity(child.pid)
    assert found
    assert found == process.identity(child.pid)
    assert found != process.identity(os.getpid())
    assert process.state(child.pid, found) == "running"
    assert process.state(child.pid, "another") == "gone"


def test_a_stopped_process_is_known_and_ended(child: subprocess.Popen[bytes]) -> None:
    started = process.identity(child.pid) or ""
    child.send_signal(signal.SIGSTOP)
    wait_for(lambda: process.state(child.pid, started) == "stopped", "a stopped process")
    assert process.end(child.pid, started, patience=60.0)  # it need not wait
    assert process.state(child.pid, started) == "gone"


def test_a_process_that_has_ended_is_gone_though_nobody_has_waited_for_it(
    child: subprocess.Popen[bytes],
) -> None:
    started = process.identity(child.pid) or ""
    child.kill()
    wait_for(lambda: process.state(child.pid, started) == "gone", "a zombie")


def test_a_request_to_end_comes_first_then_force() -> None:
    with subprocess.Popen([sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE) as child:
        assert child.stdout
        child.stdout.readline()
        assert process.end(child.pid, process.identity(child.pid) or "", patience=0.05)
        assert child.wait() == -signal.SIGKILL


def test_a_process_of_another_start_is_left_alone(child: subprocess.Popen[bytes]) -> None:
    assert process.end(child.pid, "another", patience=0.0)
    assert child.poll() is None


def test_memory_is_known(child: subprocess.Popen[bytes]) -> None:
    assert (process.memory(child.pid) or 0) > 100_000
    child.kill()
    child.wait()
    assert process.memory(child.pid) is None
