"""A server that is measured ends with the process that measures it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.bench.servers import kept, server
from tests.waiting import wait_for

FOREVER = (sys.executable, "-c", "import signal, time\nsignal.signal(15, signal.SIG_IGN)\ntime.sleep(1000)")
MEASURE = (
    f"from tests.bench.servers import kept\nwith kept(*{FOREVER!r}) as p: print(p.pid, flush=True); input()"
)
ROOT = Path(__file__).parents[2]


def test_a_failed_measurement_ends_the_server() -> None:
    with pytest.raises(ZeroDivisionError), kept(*FOREVER) as process:
        raise ZeroDivisionError
    assert not process.is_running()


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT])
def test_a_server_does_not_outlive_the_process_that_measures(number: signal.Signals) -> None:
    command = [sys.executable, "-c", MEASURE]
    with subprocess.Popen(
        command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as measuring:
        assert measuring.stdout is not None
        process = psutil.Process(int(measuring.stdout.readline()))
        measuring.send_signal(number)
        measuring.wait()
    wait_for(lambda: not process.is_running(), "the end of the server")


def test_a_server_that_ends_at_once_or_does_not_exist_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="does not answer"), server(sys.executable, "-c", "pass"):
        pass
    with pytest.raises(RuntimeError, match="cannot be run"), server("no-such-program"):
        pass
