"""The machine's memory within the limits of a container or a service manager."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from mull.models.memory import machine
from mull.models.memory.machine import MemoryLimit, memory_limit


def group(folder: Path, **files: object) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in files.items():
        (folder / name.replace("__", ".")).write_text(f"{value}\n")


@pytest.fixture
def process(tmp_path: Path) -> Path:
    (tmp_path / "process").mkdir()
    return tmp_path / "process"


def test_the_tightest_limit_of_all_groups_counts_and_page_cache_is_free(
    tmp_path: Path, process: Path
) -> None:
    root = tmp_path / "groups"
    (process / "cgroup").write_text("0::/user/mull.scope\n")
    group(root / "user", memory__max=8000, memory__current=3000, memory__stat="anon 2000\ninactive_file 1000")
    group(root / "user" / "mull.scope", memory__max="max", memory__current=500)
    assert memory_limit(process, root) == MemoryLimit(8000, 6000)
    group(root / "user" / "mull.scope", memory__max=2000, memory__current=500)
    assert memory_limit(process, root) == MemoryLimit(2000, 1500)


def test_the_first_version_of_control_groups(tmp_path: Path, process: Path) -> None:
    root = tmp_path / "groups"
    (process / "cgroup").write_text("4:memory:/box\n2:cpu:/\n0::/\n")
    group(
        root / "memory" / "box",
        memory__limit_in_bytes=4000,
        memory__usage_in_bytes=3500,
        memory__stat="cache 9\ntotal_inactive_file 700",
    )
    group(root / "memory", memory__limit_in_bytes=9223372036854771712, memory__usage_in_bytes=1)
    assert memory_limit(process, root) == MemoryLimit(4000, 1200)


@pytest.mark.parametrize("text", ["", "0::/\n", "0::/gone\n"])
def test_no_limit_where_nothing_limits(tmp_path: Path, process: Path, text: str) -> None:
    (process / "cgroup").write_text(text)
    assert memory_limit(process, tmp_path) is None
    assert memory_limit(tmp_path / "nowhere", tmp_path) is None


def test_a_machine_has_no_more_than_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "memory_limit", lambda: MemoryLimit(1 << 30, 1 << 28))
    found = machine.measure()
    assert (found.ram_total, found.ram_free) == (1 << 30, 1 << 28)
    monkeypatch.setattr(machine, "memory_limit", lambda: MemoryLimit(1 << 60, 1 << 60))
    assert machine.measure().ram_total == psutil.virtual_memory().total
