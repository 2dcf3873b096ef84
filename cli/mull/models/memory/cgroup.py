"""The memory that a container or a service manager lets this process have, where that is less than the machine's.

In: Linux's control groups, both versions. Out: the tightest limit, and what is free below it. None where nothing limits
the process, or where nobody can tell (other systems). Page cache counts as free: the kernel gives it back.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

ENDLESS = 1 << 60  # bytes; what the first version says where there is no limit


@dataclass(frozen=True, slots=True)
class Limit:
    """Bytes: `total` that may be used, `free` of them."""

    total: int
    free: int


def memory_limit(process: Path = Path("/proc/self"), root: Path = Path("/sys/fs/cgroup")) -> Limit | None:
    """The tightest limit of all groups that this process is in."""
    found = [limit for group in _groups(process, root) if (limit := _limit(group)) is not None]
    return min(found, key=lambda limit: limit.free, default=None)


def _groups(process: Path, root: Path) -> Iterator[Path]:
    """The process's group of each version, and those above it."""
    with suppress(OSError):
        for line in (process / "cgroup").read_text(encoding="utf-8").splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers in {"", "memory"}:
                top = root / controllers
                group = top / path.lstrip("/")
                yield from [group, *(above for above in group.parents if above.is_relative_to(top))]


def _limit(group: Path) -> Limit | None:
    for most, used, cache in (
        ("memory.max", "memory.current", "inactive_file"),
        ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ):
        with suppress(OSError, ValueError):  # "max": no limit
            total = int((group / most).read_text(encoding="ascii"))
            if total < ENDLESS:
                taken = int((group / used).read_text(encoding="ascii")) - _statistic(group, cache)
                return Limit(total, max(0, total - taken))
    return None


def _statistic(group: Path, name: str) -> int:
    with suppress(OSError, ValueError):
        for line in (group / "memory.stat").read_text(encoding="ascii").splitlines():
            key, value = line.split()
            if key == name:
                return int(value)
    return 0
