"""Run a step of the build: its output goes to the log, its progress to the screen.

Raises BuildError with the reason that the output gives. When this process is stopped, the step and its compilers are
stopped too.
"""

from __future__ import annotations

import os
import queue
import re
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from llama_build.errors import BuildError

_AGAIN = "then run it again: it continues where it stopped"
_OFFLINE = (
    r"name resolution|failed to resolve|name or service not known|getaddrinfo|network is unreachable|timed out|"
    r"connection (refused|reset|aborted|broken)|max retries|proxyerror|sslerror|no route to host"
)
_REASONS = (
    (
        r"no space left on device|disk quota exceeded|not enough space on the disk",
        "the disk is full",
        f"Free 1 GB, {_AGAIN}.",
    ),
    (
        r"killed signal terminated|signal: killed|cannot allocate memory|memory exhausted|out of memory",
        "memory ran out",
        f"Close other programs or set CMAKE_BUILD_PARALLEL_LEVEL=1, {_AGAIN}.",
    ),
    (
        _OFFLINE,
        "the network or the package index does not answer",
        f"Check the network and pip's settings (pip config list), {_AGAIN}.",
    ),
    (
        r"do not match the hashes",
        "a package differs from the one that is pinned",
        "Check what pip's index offers (pip config list).",
    ),
)
_ERROR = re.compile(r"\b(fatal )?error\b[: ]", re.IGNORECASE)
_TAIL = 400  # lines in which the reason is looked for


class Steps:
    """Runs one step after the other; `log` takes their output. Children inherit the file `descriptors` (POSIX)."""

    def __init__(self, log: Path, descriptors: Sequence[int] = ()) -> None:
        self.log = log
        self._descriptors = tuple(descriptors) if os.name == "posix" else ()

    def run(
        self,
        what: str,
        command: Sequence[str | Path],
        environment: Mapping[str, str],
        folder: Path | None = None,
        on_line: Callable[[str], None] = lambda _line: None,
    ) -> None:
        """Run a command. `what` begins the sentence "… failed: reason". `on_line` gets each line, or "" once a second.

        Raises BuildError if it fails or can't be started.
        """
        last: list[str] = []
        with self.log.open("a", encoding="utf-8", errors="replace") as log:
            log.write(f"\n$ {' '.join(map(str, command))}\n")
            log.flush()
            process = self._started(what, command, environment, folder)
            try:
                for line in _lines(process):
                    on_line(line)
                    log.write(line)
                    log.flush()
                    last = [*last[-_TAIL:], line] if line else last
            finally:
                _stop(process)
        if process.returncode:
            raise self._error(what, last)

    def _started(
        self, what: str, command: Sequence[str | Path], environment: Mapping[str, str], folder: Path | None
    ) -> subprocess.Popen[str]:
        try:
            return subprocess.Popen(
                [str(word) for word in command],
                env=dict(environment),
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                encoding="utf-8",
                errors="replace",
                start_new_session=True,
                pass_fds=self._descriptors,
            )
        except OSError as error:
            raise BuildError(
                f"{what} failed: {command[0]} does not start ({error.strerror}).",
                "make clean, then try again.",
            ) from error

    def _error(self, what: str, lines: list[str]) -> BuildError:
        text = "".join(lines)
        where = f"The log is {self.log}."
        for pattern, reason, hint in _REASONS:
            if re.search(pattern, text, re.IGNORECASE):
                return BuildError(f"{what} failed: {reason}.", f"{hint} {where}")
        said = [line.strip() for line in lines if line.strip()]
        reason = next(
            (line for line in said if _ERROR.search(line)), said[-1] if said else "it printed nothing"
        )
        return BuildError(f"{what} failed: {reason[:300]}", where)


def _lines(process: subprocess.Popen[str]) -> Iterator[str]:
    """The lines of a process as they come; an empty string whenever a second passes without one."""
    arrived: queue.Queue[str | None] = queue.Queue()

    def read() -> None:
        for line in process.stdout or ():
            arrived.put(line)
        arrived.put(None)

    threading.Thread(target=read, daemon=True).start()
    while True:
        try:
            line = arrived.get(timeout=1)
        except queue.Empty:
            yield ""
            continue
        if line is None:
            process.wait()
            return
        yield line


def _stop(process: subprocess.Popen[str]) -> None:
    """End a step that still runs, and what it started."""
    if process.poll() is not None:
        return
    if os.name == "posix":
        os.killpg(process.pid, signal.SIGINT)  # ninja removes what is half written
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.terminate()
    process.wait()
