"""The machine's resources for a model: main memory, GPUs and memory bandwidth.

In: llama.cpp's list of devices (objects with its five fields), the system's memory, the limits of a container (Linux
cgroups), and the time that copying a few megabytes takes. Out: a `Machine`. Sizes in bytes, bandwidth in bytes per
second.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from mull.dataclass import dataclass
from mull.fs.atomic import write_atomic

GIB = 1 << 30
BUSY = 3 * GIB
"""Bytes of main memory that other programs use on a machine at rest: a desktop with a browser."""

GPU_BUSY = GIB // 2  # bytes of a graphics card's memory that the desktop uses
GPU_RESERVE = 400 << 20  # bytes of a device that its driver and the screen need
RESTING_BANDWIDTH = 40e9
"""Bytes per second: the main memory that a recommendation is made for, two channels of DDR4. A measurement meets busy
moments, and the name would change with them."""

_UNLIMITED = 1 << 60  # bytes; cgroups version 1 reports more than this where there is no limit

# GB/s as published by the makers, which is enough for an estimate of speed. Longer names first.
_BANDWIDTHS = (
    (r"rtx 5090", 1792),
    (r"rtx 50[78]0", 800),
    (r"rtx 5060", 448),
    (r"rtx 4090", 1008),
    (r"rtx 4080", 717),
    (r"rtx 4070", 504),
    (r"rtx 4060", 272),
    (r"rtx 3090", 936),
    (r"rtx 3080", 760),
    (r"rtx 3070", 448),
    (r"rtx 3060", 360),
    (r"rx 7900", 800),
    (r"rx 9070", 640),
    (r"arc b580", 456),
    (r"\bm[1-5] ultra", 800),
    (r"\bm[1-5] max", 400),
    (r"\bm[1-5] pro", 200),
    (r"\bm[1-5]\b", 100),
)
_GPU_BANDWIDTH = 300e9  # of a discrete GPU that is not in the table
_COPY = 16 << 20  # bytes to copy when measuring: four times a usual CPU cache, in about 5 ms
_THREADS_GAIN = 2.0  # several threads read about twice as fast as one


class DeviceLike(Protocol):
    """What `mull.engine.native.devices` returns; `kind` is cpu, gpu, igpu or accelerator."""

    @property
    def name(self) -> str: ...
    @property
    def description(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def memory_free(self) -> int: ...
    @property
    def memory_total(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Gpu:
    """A device that layers can be offloaded to. `unified`: it uses main memory."""

    name: str
    total: int
    free: int
    bandwidth: float = _GPU_BANDWIDTH
    unified: bool = False

    @property
    def room(self) -> int:
        """Bytes that a model can use."""
        return max(0, self.free - GPU_RESERVE)


@dataclass(frozen=True, slots=True)
class Machine:
    """`ram_free` is what programs can allocate without swapping."""

    ram_total: int
    ram_free: int
    devices: tuple[Gpu, ...] = ()
    bandwidth: float = RESTING_BANDWIDTH

    def at_rest(self) -> Machine:
        """What a recommendation is made for: the sizes of memory and devices, with usual programs open.

        What runs now, and what was measured while it did, does not count.
        """
        gpus = tuple(replace(gpu, free=max(0, gpu.total - GPU_BUSY)) for gpu in self.devices)
        free = max(0, self.ram_total - min(BUSY, self.ram_total // 2))
        unified = max((gpu.bandwidth for gpu in gpus if gpu.unified), default=0.0)
        return Machine(self.ram_total, free, gpus, max(RESTING_BANDWIDTH, unified))


def measure(devices: Sequence[DeviceLike] = (), record: Path | None = None, *, speed: bool = True) -> Machine:
    """This machine, now. `speed`: measure the memory bandwidth, which takes some ten milliseconds. `record`: the file
    of the best bandwidth ever measured, so that a busy moment does not change the recommendations."""
    (total, free), limit = main_memory(), memory_limit()
    if limit is not None:
        total, free = min(total, limit.total), min(free, limit.free)
    gpus = tuple(_gpu(device) for device in devices if device.kind in {"gpu", "igpu"} and device.memory_total)
    unified = next((gpu.bandwidth for gpu in gpus if gpu.unified), 0.0)
    if not speed:
        return Machine(total, free, gpus)
    return Machine(total, free, gpus, max(_best_speed(record), unified))


def main_memory() -> tuple[int, int]:
    """Bytes of main memory, and those that programs can allocate without swapping."""
    with suppress(OSError, KeyError, ValueError):
        if sys.platform == "linux":  # what psutil reads, without its import, which takes 30 ms
            with open("/proc/meminfo", encoding="ascii") as file:
                found = dict(line.split(":", 1) for line in file)
            return _kibibytes(found["MemTotal"]), _kibibytes(found["MemAvailable"])
    import psutil

    memory = psutil.virtual_memory()
    return int(memory.total), int(memory.available)


def _kibibytes(text: str) -> int:
    """The bytes of "16384 kB", as /proc/meminfo has it. Raises ValueError."""
    return int(text.removesuffix("kB\n")) << 10


def _gpu(device: DeviceLike) -> Gpu:
    words = f"{device.name} {device.description}".lower()
    unified = device.kind == "igpu" or sys.platform == "darwin"
    known = next((speed * 1e9 for pattern, speed in _BANDWIDTHS if re.search(pattern, words)), None)
    fallback = 60e9 if unified else _GPU_BANDWIDTH
    free = device.memory_free or device.memory_total
    return Gpu(device.description or device.name, device.memory_total, free, known or fallback, unified)


def _best_speed(record: Path | None) -> float:
    """The best of all measurements, this one included, in steps of a tenth."""
    known = 0.0
    if record is not None:
        with suppress(OSError, ValueError):
            known = float(record.read_text(encoding="ascii"))
    speed = _read_speed()
    if known >= speed / 1.1:
        return known
    if record is not None:
        with suppress(OSError):
            write_atomic(record, f"{speed:.3g}")
    return speed


def _read_speed() -> float:
    """A rough figure for reading memory with several threads: from the best of three copies by one thread.

    Processor time is measured: a busy machine interrupts all three. Windows counts it in steps of 16 ms, too coarse.
    """
    clock = time.perf_counter if sys.platform == "win32" else time.thread_time
    source, target = bytearray(b"x" * _COPY), bytearray(_COPY)  # written once, not to measure page faults
    best = 0.0
    for _ in range(3):
        start = clock()
        target[:] = source
        best = max(best, 2 * _COPY / max(clock() - start, 1e-9))
    return best * _THREADS_GAIN


@dataclass(frozen=True, slots=True)
class MemoryLimit:
    """Bytes: `total` that may be used, `free` of them."""

    total: int
    free: int


def memory_limit(
    process: Path = Path("/proc/self"), root: Path = Path("/sys/fs/cgroup")
) -> MemoryLimit | None:
    """The tightest limits of all cgroups that this process is in, versions 1 and 2; None where there is none.

    Page cache counts as free: the kernel reclaims it. `total` and `free` may be those of two groups.
    """
    found = [limit for group in _groups(process, root) if (limit := _limit(group)) is not None]
    if not found:
        return None
    return MemoryLimit(min(limit.total for limit in found), min(limit.free for limit in found))


def _groups(process: Path, root: Path) -> Iterator[Path]:
    """The process's cgroup of each version, and its parents."""
    with suppress(OSError):
        for line in (process / "cgroup").read_text(encoding="utf-8").splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers in {"", "memory"}:
                top = root / controllers
                group = top / path.lstrip("/")
                yield from [group, *(above for above in group.parents if above.is_relative_to(top))]


def _limit(group: Path) -> MemoryLimit | None:
    for most, used, cache in (
        ("memory.max", "memory.current", "inactive_file"),
        ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ):
        with suppress(OSError, ValueError):  # "max": no limit
            total = int((group / most).read_text(encoding="ascii"))
            if total < _UNLIMITED:
                taken = int((group / used).read_text(encoding="ascii")) - _statistic(group, cache)
                return MemoryLimit(total, max(0, total - taken))
    return None


def _statistic(group: Path, name: str) -> int:
    with suppress(OSError, ValueError):
        for line in (group / "memory.stat").read_text(encoding="ascii").splitlines():
            key, value = line.split()
            if key == name:
                return int(value)
    return 0
