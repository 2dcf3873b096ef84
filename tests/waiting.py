"""Waiting for a state instead of for a time, and measuring processor time: tests run on busy machines."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import psutil

PATIENCE = 60.0  # seconds


def wait_for(holds: Callable[[], object], what: str, seconds: float = PATIENCE) -> None:
    """Wait until something holds. Raises AssertionError."""
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, f"waited for {what}"
        time.sleep(0.005)


def cpu_seconds(pid: int) -> float:
    """Processor time of a process and its children so far; infinite for one that has ended."""
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return math.inf
        times = [one.cpu_times() for one in (process, *process.children())]
    except psutil.Error:
        return math.inf
    return sum(each.user + each.system for each in times)


def wait_until_busy(pid: int, seconds: float) -> None:
    """Wait until a process has computed for so long from now on, or has ended."""
    enough = cpu_seconds(pid) + seconds
    wait_for(lambda: cpu_seconds(pid) >= enough, f"{seconds} s of computing")
