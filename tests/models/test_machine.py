"""The machine's memory within the limits of a container or a service manager."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from mull.models.memory import machine
from mull.models.memory.machine import Gpu, Machine, MemoryLimit, memory_limit


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


def test_the_total_does_not_depend_on_what_is_in_use(tmp_path: Path, process: Path) -> None:
    root = tmp_path / "groups"
    (process / "cgroup").write_text("0::/user/mull.scope\n")
    group(root / "user" / "mull.scope", memory__max=5000, memory__current=500)
    for used in (100, 7900):  # of the larger group, by others
        group(root / "user", memory__max=8000, memory__current=used)
        assert memory_limit(process, root) == MemoryLimit(5000, min(4500, 8000 - used))


@pytest.mark.parametrize("free", [1 << 30, 30 << 30])
@pytest.mark.parametrize("bandwidth", [5e9, 400e9])
def test_at_rest_a_machine_is_its_sizes(free: int, bandwidth: float) -> None:
    def card(free: int) -> Gpu:
        return Gpu("card", 8 << 30, free)

    rested = Machine(32 << 30, free, (card(free // 4),), bandwidth).at_rest()
    assert rested == Machine(32 << 30, 20 << 30, (card(1 << 30),), 80e9).at_rest()
    assert rested.ram_free == 29 << 30


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


def test_main_memory_is_what_psutil_finds() -> None:
    total, free = machine.main_memory()
    found = psutil.virtual_memory()
    assert total == found.total
    assert free == pytest.approx(found.available, abs=found.total / 4)  # other programs run meanwhile


def test_a_machine_has_no_more_than_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "memory_limit", lambda: MemoryLimit(1 << 30, 1 << 28))
    found = machine.measure()
    assert (found.ram_total, found.ram_free) == (1 << 30, 1 << 28)
    monkeypatch.setattr(machine, "memory_limit", lambda: MemoryLimit(1 << 60, 1 << 60))
    assert machine.measure().ram_total == psutil.virtual_memory().total
