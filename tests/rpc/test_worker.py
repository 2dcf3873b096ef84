"""`mull worker`: what it says first, where it listens, and how it ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from mull.backends.rpc.handshake import greet
from mull.engine.native import rpc
from tests.conftest import Run
from tests.rpc.workers import run_worker
from tests.waiting import wait_for

needs_rpc = pytest.mark.skipif(not rpc.available(), reason="this build of llama.cpp has no RPC backend")


@needs_rpc
def test_the_first_line_warns_and_the_worker_speaks_the_protocol(home: dict[str, str]) -> None:
    command = [sys.executable, "-m", "mull", "worker", "--port", "0"]
    with subprocess.Popen(command, env=home, stderr=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stderr is not None
        first, second = process.stderr.readline().decode(), process.stderr.readline().decode()
        assert first.startswith("Never on an open network")
        assert "no authentication and no encryption" in first
        address = second.split(" at ")[1].split(";")[0]
        found = greet(address)  # raises where the version is not that of `handshake.VERSION`
        assert found.ip == "127.0.0.1"
        assert [one.total > 0 for one in found.devices] == [True]
        process.terminate()
        stdout, _ = process.communicate(timeout=30)
    assert stdout == b""


@needs_rpc
@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_dies_of_the_signal_that_ends_it(home: dict[str, str], number: signal.Signals) -> None:
    with run_worker(home) as (process, _):
        process.send_signal(number)
        assert process.wait(timeout=30) == -number


@needs_rpc
def test_it_ends_while_a_client_is_connected(home: dict[str, str]) -> None:
    with run_worker(home) as (process, address):
        host, port = address.split(":")
        with closing(socket.create_connection((host, int(port)))):
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=30) == -signal.SIGTERM


@needs_rpc
@pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's list of connections")
def test_a_silent_connection_is_probed(home: dict[str, str]) -> None:
    """So that a client whose network is gone does not keep the worker for ever."""
    with run_worker(home) as (_, address):
        host, port = address.split(":")
        with closing(socket.create_connection((host, int(port)))):

            def timers() -> set[str]:
                """Of the worker's connections: proc_pid_net(5), `tr`, is 02 for a keep-alive timer."""
                rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
                mine = f":{int(port):04X}"
                return {row[5][:2] for row in rows if row[1].endswith(mine) and row[3] == "01"}

            wait_for(lambda: timers() == {"02"}, "a keep-alive timer")


@needs_rpc
def test_a_port_in_use_is_an_error(mull: Run) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        done = mull("worker", "--port", taken.getsockname()[1])
    assert done.returncode == 1
    assert b"cannot listen at 127.0.0.1" in done.stderr
    assert b"in use" in done.stderr


@needs_rpc
def test_a_foreign_address_is_an_error(mull: Run) -> None:
    done = mull("worker", "--host", "192.0.2.7", "--trusted-network", "--port", "0")  # RFC 5737: nobody's
    assert done.returncode == 1
    assert b"cannot listen at 192.0.2.7" in done.stderr


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.4"])
def test_another_address_has_to_be_confirmed(mull: Run, host: str) -> None:
    done = mull("worker", "--host", host)
    assert done.returncode == 2
    assert b"--trusted-network" in done.stderr


@pytest.mark.parametrize("host", ["localhost", "::1", "", "127.1", "127.0.0.1:5", "127.0.0.1\n"])
def test_only_ipv4_addresses_are_taken(mull: Run, host: str) -> None:
    done = mull("worker", "--host", host)
    assert done.returncode == 2
    assert b"is no IPv4 address" in done.stderr


def test_a_build_without_the_backend_says_so(mull: Run, tmp_path: Path) -> None:
    folder = tmp_path / "libraries"
    folder.mkdir()
    done = mull("worker", env={"LLAMA_CPP_LIB_PATH": str(folder)})
    assert done.returncode == 1
    assert b"has no RPC backend" in done.stderr


def test_the_worker_is_no_way_into_the_users_own_process(mull: Run) -> None:
    done = mull("ask", "--rpc", "127.0.0.1:50052", "2+2?")
    assert done.returncode == 2
    assert b"--rpc" in done.stderr
    assert b"Traceback" not in done.stderr
