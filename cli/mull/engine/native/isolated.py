"""Run code that may crash in a child process, and report the outcome.

In: the command line of a child that prints one JSON object as its last line of output. Out: a `ChildOutcome`: that
object, how the child crashed, or what stopped it from outside; None where no child could run. Raises OSError only
where this process, or the child, may not open more files or has no memory.
The child does not depend on the working directory, imports this same package, and inherits no stdin.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import field
from pathlib import Path
from typing import Any

from mull.dataclass import dataclass
from mull.fs.json_text import parse_json
from mull.fs.os_failures import used_up

TIMEOUT = 60.0  # seconds; a check takes a fifth of one

_FAULTS = frozenset({"SIGABRT", "SIGBUS", "SIGFPE", "SIGILL", "SIGSEGV", "SIGSYS", "SIGTRAP"})
"""Signals that a process raises by what it does. All others come from outside: from the user, from the system when it
is out of memory (SIGKILL), from a limit on CPU time."""

_NO_MEMORY = ("bad_alloc", "insufficient memory", "out of memory", "failed to allocate", "MemoryError")


@dataclass(frozen=True, slots=True)
class ChildOutcome:
    """`crashed`: how it crashed ("SIGILL"), empty when it did not.

    `stopped`: what ended it that is not its own fault, as a predicate ("did not end within 60 s"); else empty.
    `answer`: the object that it printed. `last_words`: its last line on stderr, or its failed assertion.
    """

    crashed: str = ""
    stopped: str = ""
    answer: dict[str, Any] = field(default_factory=dict)
    last_words: str = ""


def python(module: str, *arguments: str) -> list[str]:
    """The command line of a module of this package, run by this Python."""
    # -P: never import a file `llama_cpp.py` from the working directory.
    return [sys.executable, "-P", "-X", "utf8", "-m", module, *arguments]


def run(command: Sequence[str], *, timeout: float = TIMEOUT) -> ChildOutcome | None:
    """Run a child to its end; None when no child can be started or it failed without crashing."""
    if not command[0]:
        return None
    import subprocess  # takes 10 ms, and most runs find a verdict of an earlier one

    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout,
            env=environment(),
            check=False,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            start_new_session=True,  # Ctrl+C in the terminal is not for the child
        )
    except subprocess.TimeoutExpired:
        return ChildOutcome(stopped=f"did not end within {timeout:.0f} s")
    except OSError as failure:
        if used_up(failure):
            raise
        return None
    errors = done.stderr.decode("utf-8", "replace").strip().splitlines()
    last_words = next((line for line in reversed(errors) if "ASSERT" in line), errors[-1] if errors else "")
    name = _crash(done.returncode)
    if done.returncode and any(os.strerror(errno.EMFILE) in line for line in errors):
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
    if done.returncode and any(word in line for word in _NO_MEMORY for line in errors):
        return ChildOutcome(stopped="ended for lack of memory", last_words=last_words)
    if name == "SIGKILL":
        return ChildOutcome(stopped="was killed (SIGKILL), perhaps for lack of memory", last_words=last_words)
    if name.startswith(("SIG", "signal")) and name not in _FAULTS:
        return ChildOutcome(stopped=f"was stopped by {name}", last_words=last_words)
    if name:
        return ChildOutcome(crashed=name, last_words=last_words)
    try:
        answer = parse_json(done.stdout.decode("utf-8", "replace").splitlines()[-1])
    except (ValueError, IndexError):
        return None
    return ChildOutcome(answer=answer, last_words=last_words) if isinstance(answer, dict) else None


def _crash(code: int) -> str:
    """How a process crashed, empty when it did not: an ordinary exit code is not a crash, whatever its value."""
    if code < 0:
        try:
            return signal.Signals(-code).name
        except ValueError:
            return f"signal {-code}"
    # Windows: an unhandled exception's NTSTATUS, 0xC0000005 (access violation) and the like; abort() exits with 3
    if sys.platform == "win32" and (code >= 0xC0000000 or code == 3):
        return f"exception {code:#x}"
    return ""


def environment() -> dict[str, str]:
    """The environment of a child that imports this same package."""
    root = str(Path(__file__).resolve().parents[3])
    paths = [root, *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(path for path in paths if path),
        "PYTHONDONTWRITEBYTECODE": "1",
        "GGML_NO_BACKTRACE": "1",
    }
