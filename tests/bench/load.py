"""A load generator: processes that keep cores busy while something else is measured.

In: how many cores. Out: a context in which that many processes compute and never wait; `shares()` then says how much
of a core each of them got. `changing()` switches between numbers of busy cores, as a desktop does.

    python -m tests.bench.load CORES [SECONDS]
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle
from typing import Self

import psutil

# It ends with the process that started it: when its standard input is closed.
_SPIN = """
import os, sys, threading
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
print(flush=True)
while True:
    sum(range(10_000))
"""


class Load:
    """So many busy cores; a context manager."""

    def __init__(self, cores: int) -> None:
        self._processes = [
            subprocess.Popen([sys.executable, "-c", _SPIN], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            for _ in range(cores)
        ]
        for process in self._processes:
            assert process.stdout is not None
            process.stdout.readline()  # it computes now
        self._began = time.perf_counter()
        self._used = self._seconds()

    def shares(self) -> list[float]:
        """Of a core, per process, since the beginning: 1.0 is a whole one."""
        elapsed = time.perf_counter() - self._began
        return [(now - then) / elapsed for now, then in zip(self._seconds(), self._used, strict=True)]

    def close(self) -> None:
        for process in self._processes:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.close()
            process.stdout.close()
        for process in self._processes:
            process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _seconds(self) -> list[float]:
        return [psutil.Process(process.pid).cpu_times().user for process in self._processes]


@contextmanager
def changing(numbers: Sequence[int], seconds: float) -> Iterator[None]:
    """So many busy cores, then so many, and so on, each for some seconds, until the context ends."""
    ended = threading.Event()

    def work() -> None:
        for cores in cycle(numbers):
            with Load(cores):
                if ended.wait(seconds):
                    return

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def busy_elsewhere(seconds: float = 1.0) -> float:
    """Cores that other programs use at the moment, by the system's own count: a figure is worth little above 0.2."""
    own = psutil.Process()
    began, before = time.perf_counter(), own.cpu_times()
    total = psutil.cpu_percent(seconds) / 100 * (psutil.cpu_count() or 1)
    after = own.cpu_times()
    ours = (after.user + after.system - before.user - before.system) / (time.perf_counter() - began)
    return max(0.0, total - ours)


if __name__ == "__main__":
    with Load(int(sys.argv[1])) as load:
        time.sleep(float(sys.argv[2]) if len(sys.argv) > 2 else 60)
        print("of a core each:", " ".join(f"{share:.2f}" for share in load.shares()))
