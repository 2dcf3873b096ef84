"""Which process it is: a process id with the time of its start, since ids are used again.

In: a process id. Out: a text that no other process has had since the machine started, and whether it runs, is stopped
or is gone. Raises nothing. Reads /proc on Linux, and asks psutil elsewhere.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Literal

State = Literal["running", "stopped", "gone"]

_PAUSE = 0.02  # seconds between two looks at a process that is to end
_KILL = getattr(signal, "SIGKILL", signal.SIGTERM)  # Windows ends a process by force either way


def identity(pid: int) -> str | None:
    """The process with this id, as a text; None if there is none."""
    return _started(pid)


def state(pid: int, started: str) -> State:
    """What has become of the process that had this id and identity."""
    if identity(pid) != started:
        return "gone"
    letter = _letter(pid)
    return "gone" if letter in "ZXx" else "stopped" if letter in "Tt" else "running"


def end(pid: int, started: str, patience: float) -> bool:
    """End the process: a request first, by force after `patience` seconds; whether it has ended."""
    number = signal.SIGTERM
    for seconds in (patience, 2.0):
        if state(pid, started) == "stopped":  # it would not see the request
            number = _KILL
        with suppress(OSError):
            if state(pid, started) != "gone":
                os.kill(pid, number)
        until = time.monotonic() + seconds
        while state(pid, started) != "gone":
            if time.monotonic() > until:
                break
            time.sleep(_PAUSE)
        else:
            return True
        number = _KILL
    return False


def memory(pid: int) -> int | None:
    """Bytes of main memory that the process holds, its mapped model included; None if that cannot be found out."""
    import psutil

    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return None


if sys.platform == "linux":

    def _started(pid: int) -> str | None:
        fields = _stat(pid)
        return f"{_boot()}-{fields[19]}" if fields else None

    def _letter(pid: int) -> str:
        return (_stat(pid) or ["X"])[0]

    def _stat(pid: int) -> list[str]:
        """The fields of /proc/PID/stat from the state on: what stands before may hold blanks and brackets."""
        try:
            text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return []
        return text.rpartition(")")[2].split()

    def _boot() -> str:
        try:
            return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()[:8]
        except OSError:
            return ""

else:

    def _started(pid: int) -> str | None:
        import psutil

        try:
            return f"{psutil.Process(pid).create_time():.2f}"
        except psutil.Error:
            return None

    def _letter(pid: int) -> str:
        """As in /proc: T for a stopped process, Z for one that has ended, S for others."""
        import psutil

        letters = {psutil.STATUS_STOPPED: "T", psutil.STATUS_ZOMBIE: "Z"}
        try:
            return letters.get(psutil.Process(pid).status(), "S")
        except psutil.Error:
            return "X"
