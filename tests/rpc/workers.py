"""Real workers on loopback, and servers that speak a wrong version of their protocol."""

from __future__ import annotations

import atexit
import functools
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import psutil

from mull.backends.rpc.handshake import VERSION
from tests.waiting import wait_for

ROOT = Path(__file__).parents[2]


@contextmanager
def run_worker(
    home: Mapping[str, str], *arguments: str, port: int = 0
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A `mull worker` that listens; its process and its address."""
    command = [sys.executable, "-m", "mull", "worker", "--port", str(port), "--threads", "1", *arguments]
    with subprocess.Popen(
        command, env=dict(home), stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stderr is not None
            lines = process.stderr.readline() + process.stderr.readline()
            found = re.search(r"at ([0-9.]+:[0-9]+); Ctrl", lines)
            assert found, lines
            yield process, found.group(1)
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)


@functools.cache
def shared_worker() -> str:
    """The address of a worker for all tests of this process that do not kill it."""
    stack = ExitStack()
    atexit.register(stack.close)
    home = {**os.environ, "MULL_STATE_DIR": tempfile.mkdtemp(), "PYTHONPATH": str(ROOT / "cli")}
    _, address = stack.enter_context(run_worker(home))
    return address


@contextmanager
def scripted(answer: bytes, *, close: bool = True) -> Iterator[str]:
    """A server that answers any first message with these bytes, then closes or falls silent; its address."""
    done = threading.Event()

    def serve() -> None:
        while not done.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with closing(connection):
                connection.recv(4096)
                if answer:
                    connection.sendall(answer)
                if not close:
                    done.wait()

    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}"
        finally:
            done.set()
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


@contextmanager
def impostor(answer: bytes | None) -> Iterator[str]:
    """A worker that greets as it should, and answers everything else with these bytes; its address.

    Without bytes it closes the connection; None: it falls silent.
    """
    greetings = {
        14: hello(*VERSION, 0),
        15: struct.pack("<QI", 4, 1),
        11: struct.pack("<QQQ", 16, 1 << 40, 1 << 40),
    }

    def converse(connection: socket.socket) -> None:
        with suppress(OSError), connection, connection.makefile("rb") as sent:
            while command := sent.read(1):
                sent.read(*struct.unpack("<Q", sent.read(8)))
                data = greetings.get(command[0], answer)
                if data is None:
                    continue
                if not data:
                    return
                connection.sendall(data)

    def serve() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=converse, args=(listener.accept()[0],), daemon=True).start()

    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        threading.Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)


def stop(process: subprocess.Popen[str]) -> None:
    """Stop a process, and wait until it has stopped."""
    process.send_signal(signal.SIGSTOP)
    wait_for(lambda: psutil.Process(process.pid).status() == psutil.STATUS_STOPPED, "a stopped process")


def hello(major: int, minor: int, patch: int) -> bytes:
    """The answer to the first message, of a worker of this version."""
    return struct.pack("<QBBBB24x", 28, major, minor, patch, 0)
