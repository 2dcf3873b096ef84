"""A server to measure: on a free port, and never left behind, however the process that measures ends.

In: the command of mull's or llama.cpp's server, without a port. Out: its port and its process, once it answers. Raises
RuntimeError for a server that does not.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.request import urlopen

import psutil

STARTING = 1800.0  # seconds; a large model is read and checked first
SPIN = {
    "GOMP_SPINCOUNT": "1000"
}  # mull's own; as it comes, llama-server takes many times as long on a busy machine

# It runs the server, and kills it when its own standard input is closed: by the end of the process that measures.
_KEEPER = """
import subprocess, sys, threading
none = subprocess.DEVNULL
server = subprocess.Popen(sys.argv[1:], stdin=none, stdout=none, stderr=none)
print(server.pid, flush=True)
threading.Thread(target=lambda: (sys.stdin.read(), server.kill()), daemon=True).start()
server.wait()
"""


@contextmanager
def kept(*command: str) -> Iterator[psutil.Process]:
    """A process that is killed at the end, and with this process."""
    with tempfile.TemporaryDirectory() as state:
        env = {**os.environ, **SPIN, **{f"MULL_{kind}_DIR": state for kind in ("CONFIG", "STATE", "CACHE")}}
        keeper = subprocess.Popen(
            [sys.executable, "-c", _KEEPER, *command],
            env=env,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            process_group=0,  # Ctrl+C in the terminal is not for it
        )
        with keeper:  # closes its standard input, and waits
            assert keeper.stdout is not None
            pid = keeper.stdout.readline()
            if not pid:
                raise RuntimeError(f"{command[0]} cannot be run")
            yield psutil.Process(int(pid))


@contextmanager
def server(*command: str) -> Iterator[tuple[int, psutil.Process]]:
    """A server, ready to answer: the port and its process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    with kept(*command, "--port", str(port)) as process:
        until = time.monotonic() + STARTING
        while not _answers(port):
            if not process.is_running() or time.monotonic() > until:
                raise RuntimeError(f"{command[0]} does not answer")
            time.sleep(0.2)
        yield port, process


def _answers(port: int) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as response:
            return bool(response.status == 200)
    except OSError:
        return False
