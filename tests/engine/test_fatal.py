"""What ends the process inside llama.cpp: it is reported to whoever watches the thread, and the process lives on.

The failures are real: ggml's own abort, and an exception of the C++ library that no one catches.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
import ctypes, queue, sys, threading
from mull.engine.native import fatal, library
base = ctypes.CDLL(str(next(path for path in library.library_files() if path.name.startswith("libggml-base."))))
kind, watched = sys.argv[1:]
reports = queue.SimpleQueue()

def work():
    if watched == "watched":
        fatal.watch(reports.put)
    elif watched == "elsewhere":
        threading.Thread(target=fatal.watch, args=(reports.put,)).start()
    if kind == "abort":
        base.ggml_abort(b"file.cpp", 7, b"the device is gone")
    else:
        ctypes.CDLL("libstdc++.so.6")["_ZSt17__throw_bad_allocv"]()
    reports.put("it went on")

threading.Thread(target=work, daemon=True).start()
print(repr(reports.get(timeout=20)))
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the names of the libraries are Linux's")


def run(kind: str, watched: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", SCRIPT, kind, watched], capture_output=True, text=True, timeout=60, check=False
    )


def test_an_abort_is_reported_with_its_message() -> None:
    done = run("abort", "watched")
    assert (done.returncode, done.stdout, done.stderr) == (0, "'file.cpp:7: the device is gone'\n", "")


def test_an_exception_that_no_one_catches_is_reported() -> None:
    done = run("exception", "watched")
    assert (done.returncode, done.stdout, done.stderr) == (0, "''\n", "")


@pytest.mark.parametrize("kind", ["abort", "exception"])
@pytest.mark.parametrize("watched", ["not", "elsewhere"])
def test_in_other_threads_the_process_ends_as_before(kind: str, watched: str) -> None:
    done = run(kind, watched)
    assert done.returncode < 0
    assert "it went on" not in done.stdout
    if kind == "abort":
        assert "the device is gone" in done.stderr
