"""Timing in alternation: on a shared machine, only ratios of alternating runs are comparable.

In: two functions. Out: a `Ratio` with its median and quartiles.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass


def line(name: str, value: str, target: str) -> None:
    """One figure beside its target."""
    print(f"{name:<58} {value:<46} target {target}", flush=True)


@dataclass(frozen=True)
class Ratio:
    """Quartiles of a sample of ratios."""

    low: float
    median: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:.3f} (quartiles {self.low:.3f} to {self.high:.3f})"


def quartiles(sample: Sequence[float]) -> Ratio:
    """Of at least two values."""
    low, median, high = statistics.quantiles(sample, n=4, method="inclusive")
    return Ratio(low, median, high)


def seconds(what: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    begun = clock()
    what()
    return clock() - begun


def alternate(
    first: Callable[[], object],
    second: Callable[[], object],
    pairs: int,
    clock: Callable[[], float] = time.perf_counter,
) -> tuple[list[float], list[float]]:
    """Seconds of both by `clock`, measured in alternation; the order changes with every pair."""
    a, b = [], []
    for number in range(pairs):
        if number % 2:
            b.append(seconds(second, clock))
            a.append(seconds(first, clock))
        else:
            a.append(seconds(first, clock))
            b.append(seconds(second, clock))
    return a, b


def alternating(
    first: Callable[[], float], second: Callable[[], float], pairs: int
) -> tuple[list[float], list[float]]:
    """What two measurements return, made in alternation; the order changes with every pair."""
    a: list[float] = []
    b: list[float] = []
    for number in range(pairs):
        for measure, found in ((first, a), (second, b))[:: -1 if number % 2 else 1]:
            found.append(measure())
    return a, b


def command(*arguments: str, **environment: str) -> Callable[[], object]:
    """Run this Python with arguments, quietly, to its end. Raises CalledProcessError."""

    def run() -> None:
        subprocess.run(
            [sys.executable, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=True,
            env={**os.environ, **environment},
        )

    return run


def peak_memory(*arguments: str, **environment: str) -> int:
    """The largest resident size in bytes that this Python with these arguments has in its life (POSIX)."""
    process = subprocess.Popen(
        [sys.executable, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **environment},
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, arguments)
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
