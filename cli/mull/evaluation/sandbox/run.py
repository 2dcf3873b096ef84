"""Run code in the sandbox and take its results: the parent's side of `child.py`.

In: Python code, the name of a function, the arguments of its calls. Out: an `Execution`. It ends within `SECONDS` and
reads at most `MOST` bytes, whatever the code does. Raises no error: what goes wrong is in the `Execution`.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import field
from functools import cache
from pathlib import Path
from typing import IO, Any

from mull.dataclass import dataclass
from mull.fs.json_text import parse_json

SECONDS = 30.0
"""Of wall-clock time for all calls, on a busy machine too; a correct solution takes milliseconds."""
CPU_SECONDS = 5
MEMORY = 512 << 20
"""Bytes of address space."""
MOST = 2 << 20
"""Bytes of results that are read."""

EVERYTHING = frozenset({"files", "network", "processes"})
"""What a run can be isolated from."""
_CHILD = Path(__file__).with_name("child.py")
_REQUEST = 1 << 20  # bytes of code and arguments; a longer answer is no function


@dataclass(frozen=True, slots=True)
class Execution:
    """`isolated`: from what, a subset of `EVERYTHING`. `results`, `errors`: by the number of the call.

    `failed`: why there are no (further) results; empty where each call has one or an error.
    """

    isolated: frozenset[str] = frozenset()
    results: dict[int, Any] = field(default_factory=dict)
    errors: dict[int, str] = field(default_factory=dict)
    failed: str = ""


def run(source: str, entry: str, calls: Sequence[Sequence[Any]], *, allow: bool = False) -> Execution:
    """Call the function of that code with each list of arguments. `allow`: also where nothing can be isolated."""
    with tempfile.TemporaryDirectory(prefix="mull-sandbox-") as folder:
        request = {
            "code": source,
            "entry": entry,
            "calls": [list(call) for call in calls],
            "seconds": CPU_SECONDS,
            "memory": MEMORY,
            "folder": os.path.realpath(folder),
            "allow": allow,
        }
        data = json.dumps(request).encode()
        if len(data) > _REQUEST:
            return Execution(failed="the code is too long")
        try:
            output, ended = _communicate(data, folder)
        except OSError as error:
            return Execution(failed=f"no process could be started ({error.strerror})")
    return _execution(output, ended, len(calls))


def _communicate(data: bytes, folder: str) -> tuple[bytes, str]:
    """The child's output, and why it was ended; empty if it ended by itself."""
    with subprocess.Popen(
        [sys.executable, "-I", "-S", "-X", "utf8", str(_CHILD)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=folder,
        env={name: os.environ[name] for name in ("SYSTEMROOT", "LD_LIBRARY_PATH") if name in os.environ},
        start_new_session=True,
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            with suppress(OSError):  # it died before it read
                child.stdin.write(data)
            with suppress(OSError):
                child.stdin.close()
            return _read(child.stdout, time.monotonic() + SECONDS)
        finally:
            _kill(child)


def _read(stream: IO[bytes], deadline: float) -> tuple[bytes, str]:
    if sys.platform == "win32":
        return _read_in_thread(stream, deadline)
    data = bytearray()
    while True:
        left = deadline - time.monotonic()
        if left <= 0:
            return bytes(data), f"it did not end within {SECONDS:.0f} s"
        if not select.select([stream], [], [], left)[0]:
            continue
        piece = os.read(stream.fileno(), 1 << 16)
        if not piece:
            return bytes(data), ""
        data += piece
        if len(data) > MOST:
            return bytes(data[:MOST]), "its results are too long"


def _read_in_thread(stream: IO[bytes], deadline: float) -> tuple[bytes, str]:
    import threading

    found: list[bytes] = []
    reader = threading.Thread(target=lambda: found.append(stream.read(MOST)), daemon=True)
    reader.start()
    reader.join(max(0.0, deadline - time.monotonic()))
    if reader.is_alive():
        return b"", f"it did not end within {SECONDS:.0f} s"
    return b"".join(found), ""


def _kill(child: subprocess.Popen[bytes]) -> None:
    """The child and all that it started. No handler of the code can catch SIGKILL."""
    if sys.platform != "win32":
        with suppress(OSError):
            os.killpg(child.pid, signal.SIGKILL)
    with suppress(OSError):
        child.kill()


def _execution(output: bytes, ended: str, calls: int) -> Execution:
    """What the child says; lines that code has written to it are of no use to that code: see `child.py`."""
    lines = [value for line in output.split(b"\n") if (value := _object(line)) is not None]
    first = lines[0].get("isolated") if lines else None
    isolated = EVERYTHING.intersection(first if isinstance(first, list) else ())
    results: dict[int, Any] = {}
    errors: dict[int, str] = {}
    failed = ""
    for line in lines[1:]:
        number = line.get("call")
        if isinstance(line.get("failed"), str):
            failed = failed or line["failed"]
        elif isinstance(number, int) and number not in results and number not in errors:
            if isinstance(line.get("error"), str):
                errors[number] = line["error"]
            elif "result" in line:
                results[number] = line["result"]
    if not failed and len(results) + len(errors) < calls:
        failed = ended or "it ended before its last result"
    return Execution(isolated, results, errors, failed)


def _object(line: bytes) -> dict[str, Any] | None:
    with suppress(ValueError):
        value = parse_json(line)
        return value if isinstance(value, dict) else None
    return None


@cache
def isolation() -> frozenset[str]:
    """What code is isolated from on this system, found out by running some."""
    return run("def f():\n    return 1", "f", [[]]).isolated
