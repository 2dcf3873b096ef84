"""The default number of threads for llama.cpp on this machine.

In: nothing but the machine. Out: the number of physical cores (on hybrid CPUs: performance cores) that this process may
use, within CPU affinity and container quotas. Raises nothing: where detection fails, it is `os.cpu_count()`.
"""

from __future__ import annotations

import ctypes
import functools
import os
import sys
from pathlib import Path

_CPUS = Path("/sys/devices/system/cpu")
_PERFORMANCE_CPUS = Path("/sys/devices/cpu_core/cpus")  # Linux lists a hybrid CPU's fast cores here
_QUOTA = Path("/sys/fs/cgroup/cpu.max")


@functools.cache
def default_threads() -> int:
    """Physical cores that this process may use: hyper-threads and efficiency cores slow matrix products down."""
    if sys.platform == "linux":
        count = _linux_cores()
    elif sys.platform == "darwin":
        count = _sysctl("hw.perflevel0.physicalcpu") or _sysctl("hw.physicalcpu")
    else:
        count = _psutil_cores()
    return max(1, count or os.cpu_count() or 1)


def parse_cpu_list(text: str) -> set[int]:
    """Parse the Linux notation of CPU sets: "0-3,8" is {0, 1, 2, 3, 8}."""
    cpus: set[int] = set()
    for part in text.strip().split(","):
        first, _, last = part.partition("-")
        if first.strip().isdigit():
            cpus.update(range(int(first), int(last or first) + 1))
    return cpus


def _linux_cores() -> int:
    if sys.platform != "linux":
        return 0
    usable = set(os.sched_getaffinity(0))
    usable = (usable & parse_cpu_list(_read(_PERFORMANCE_CPUS))) or usable
    # CPUs with the same list of siblings share one physical core.
    cores = {_read(_CPUS / f"cpu{cpu}/topology/thread_siblings_list") or str(cpu) for cpu in usable}
    return min(len(cores), _quota() or len(cores))


def _quota() -> int:
    """Whole CPUs that a container may use (cgroup v2), 0 when there is no limit."""
    limit, _, period = _read(_QUOTA).partition(" ")
    if limit.isdigit() and period.strip().isdigit() and int(period):
        return max(1, round(int(limit) / int(period)))
    return 0


def _sysctl(name: str) -> int:
    value = ctypes.c_int32(0)
    size = ctypes.c_size_t(ctypes.sizeof(value))
    libc = ctypes.CDLL(None)
    failed = libc.sysctlbyname(name.encode(), ctypes.byref(value), ctypes.byref(size), None, 0)
    return 0 if failed else value.value


def _psutil_cores() -> int:
    import psutil

    cores = psutil.cpu_count(logical=False) or 0
    try:
        return min(cores, len(psutil.Process().cpu_affinity() or ())) or cores
    except (AttributeError, OSError, psutil.Error):
        return cores


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, ValueError):
        return ""
