"""States on disk: written atomically, verified before use, private, and never beyond the limit."""

from __future__ import annotations

import ctypes
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from mull.engine.kv.state_store import StateStore

FAMILY, OTHER = "a" * 64, "b" * 64
POSIX = pytest.mark.skipif(os.name != "posix", reason="POSIX permissions, signals and limits")


def state(size: int = 10_000, seed: int = 1) -> Any:
    data = random.Random(seed).randbytes(size)
    return (ctypes.c_uint8 * size).from_buffer_copy(data)


@pytest.fixture
def state_store(tmp_path: Path) -> StateStore:
    return StateStore(tmp_path / "cache" / "prefixes", limit=1 << 30, model="tiny")


def files(state_store: StateStore) -> list[Path]:
    return sorted(state_store.folder.iterdir()) if state_store.folder.exists() else []


def test_a_stored_state_is_loaded_again(state_store: StateStore) -> None:
    assert state_store.put(FAMILY, [1, 2, 3], state())
    assert state_store.put(OTHER, [1, 2, 3], state(seed=2))
    (entry,) = state_store.entries(FAMILY)
    assert (list(entry.tokens), entry.model, entry.size) == ([1, 2, 3], "tiny", 10_000)
    assert bytes(state_store.load(entry)) == bytes(state())  # type: ignore[arg-type]
    assert len(state_store.entries()) == 2


@POSIX
def test_only_the_owner_can_read_it(state_store: StateStore) -> None:
    state_store.put(FAMILY, [1], state())
    assert state_store.folder.stat().st_mode & 0o777 == 0o700
    assert [path.stat().st_mode & 0o777 for path in files(state_store)] == [0o600]


def test_the_same_tokens_replace_the_old_entry(state_store: StateStore) -> None:
    state_store.put(FAMILY, [1, 2], state(seed=1))
    state_store.put(FAMILY, [1, 2], state(seed=2))
    (entry,) = state_store.entries(FAMILY)
    assert bytes(state_store.load(entry)) == bytes(state(seed=2))  # type: ignore[arg-type]


@pytest.mark.parametrize("keep", [0, 10, 40, 5_000, -1])
def test_a_truncated_entry_is_removed(state_store: StateStore, keep: int) -> None:
    state_store.put(FAMILY, list(range(500)), state())
    (path,) = files(state_store)
    path.write_bytes(path.read_bytes()[:keep])
    assert state_store.entries(FAMILY) == []
    assert files(state_store) == []


def test_an_entry_truncated_after_it_was_listed_is_removed(state_store: StateStore) -> None:
    state_store.put(FAMILY, [1, 2, 3], state())
    (entry,) = state_store.entries(FAMILY)
    for keep in (0, 5_000):
        entry.path.write_bytes(entry.path.read_bytes()[:keep])
        assert state_store.load(entry) is None


@pytest.mark.parametrize("place", [0, 7, 9, 25, 60, 500, 4_096 + 17, -1])
def test_a_damaged_entry_is_removed(state_store: StateStore, place: int) -> None:
    """In the magic, the version, the sizes, the checksums, the description, the tokens and the state."""
    state_store.put(FAMILY, list(range(500)), state())
    (path,) = files(state_store)
    data = bytearray(path.read_bytes())
    data[place] ^= 0x10
    path.write_bytes(data)
    found = state_store.entries(FAMILY)
    assert [entry for entry in found if state_store.load(entry) is not None] == []
    assert files(state_store) == []


def test_files_that_are_not_ours_stay(state_store: StateStore) -> None:
    state_store.put(FAMILY, [1], state())
    (state_store.folder / "notes.txt").write_text("mine")
    state_store.clear()
    assert [path.name for path in files(state_store)] == ["notes.txt"]


def test_the_least_recently_used_is_evicted_first(state_store: StateStore) -> None:
    small = StateStore(state_store.folder, limit=45_000)
    for number in range(3):
        small.put(FAMILY, [number], state(seed=number))
        (entry,) = [entry for entry in small.entries() if list(entry.tokens) == [number]]
        os.utime(entry.path, (time.time() - 100 + number,) * 2)
    small.touch(next(entry for entry in small.entries() if list(entry.tokens) == [0]))
    small.put(FAMILY, [3], state())
    kept = [list(entry.tokens) for entry in small.entries()]
    assert [0] in kept
    assert [3] in kept
    assert [1] not in kept
    assert sum(path.stat().st_size for path in files(small)) <= 45_000


def test_a_state_larger_than_the_limit_evicts_nothing(state_store: StateStore) -> None:
    small = StateStore(state_store.folder, limit=20_000)
    assert small.put(FAMILY, [1], state())
    assert not small.put(FAMILY, [2], state(size=30_000))
    assert [list(entry.tokens) for entry in small.entries()] == [[1]]


def test_a_folder_that_cannot_be_created_is_not_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    state_store = StateStore(tmp_path / "file" / "prefixes")
    assert not state_store.put(FAMILY, [1], state())
    assert state_store.entries() == []
    state_store.clear()


@POSIX
def test_a_full_disk_is_not_an_error_and_leaves_no_file(state_store: StateStore) -> None:
    code = f"""
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
from tests.engine.test_state_store import *
state_store = StateStore(Path({str(state_store.folder)!r}), limit=1 << 30)
assert state_store.put(FAMILY, [1], state())
assert not state_store.put(FAMILY, [2], state(size=1_000_000))
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])
    assert [list(entry.tokens) for entry in state_store.entries()] == [[1]]
    assert len(files(state_store)) == 1


def ended_while_writing(state_store: StateStore, how: signal.Signals) -> subprocess.CompletedProcess[bytes]:
    """A process that writes entries until a signal interrupts it within one."""
    code = f"""
from tests.engine.test_state_store import *
state_store, data = StateStore(Path({str(state_store.folder)!r}), limit=1 << 30), state(size=30_000_000)
for number in range(10_000):
    state_store.put(FAMILY, [number % 3], data)
"""
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, cwd=Path(__file__).parents[2], stderr=subprocess.PIPE) as writer:
        deadline = time.monotonic() + 60
        while not [path for path in files(state_store) if path.suffix == ".part"]:
            assert time.monotonic() < deadline
            time.sleep(0.001)
        writer.send_signal(how)
        _, errors = writer.communicate(timeout=60)
    return subprocess.CompletedProcess(command, writer.returncode, stderr=errors)


@POSIX
def test_ctrl_c_while_it_writes_leaves_nothing_unfinished(state_store: StateStore) -> None:
    assert b"KeyboardInterrupt" in ended_while_writing(state_store, signal.SIGINT).stderr
    assert not [path for path in files(state_store) if path.suffix == ".part"]
    assert all(state_store.load(entry) is not None for entry in state_store.entries())


@POSIX
def test_a_process_killed_while_it_writes_leaves_no_half_entry(state_store: StateStore) -> None:
    assert ended_while_writing(state_store, signal.SIGKILL).returncode == -signal.SIGKILL
    assert all(state_store.load(entry) is not None for entry in state_store.entries())
    unfinished = [path for path in files(state_store) if path.suffix == ".part"]
    for path in unfinished:
        os.utime(path, (1, 1))  # long ago
    assert state_store.put(FAMILY, [9], state())
    assert not [path for path in files(state_store) if path.suffix == ".part"]


def test_a_loaded_state_survives_its_replacement_by_another_process(state_store: StateStore) -> None:
    state_store.put(FAMILY, [1, 2], state(seed=1))
    (entry,) = state_store.entries()
    read = state_store.load(entry)
    state_store.put(FAMILY, [1, 2], state(seed=2))
    state_store.clear()
    assert bytes(read) == bytes(state(seed=1))  # type: ignore[arg-type]
    assert state_store.load(entry) is None
    state_store.touch(entry)
    state_store.remove(entry)


def test_processes_share_a_folder_that_is_always_full(state_store: StateStore) -> None:
    """Each writes more than the limit allows, so entries vanish while others read them."""
    code = f"""
import sys
from tests.engine.test_state_store import *
state_store = StateStore(Path({str(state_store.folder)!r}), limit=100_000)
for number in range(60):
    state_store.put(FAMILY, [int(sys.argv[1]), number % 7], state(size=20_000, seed=number))
    assert all(found is None or len(found) == 20_000 for found in map(state_store.load, state_store.entries()))
    if number % 20 == 19:
        state_store.clear()
"""
    root = Path(__file__).parents[2]
    writers = [subprocess.Popen([sys.executable, "-c", code, str(number)], cwd=root) for number in range(3)]
    while any(writer.poll() is None for writer in writers):
        for entry in state_store.entries():
            state_store.touch(entry)
            found = state_store.load(entry)
            assert found is None or len(found) == 20_000
    assert [writer.wait() for writer in writers] == [0, 0, 0]
