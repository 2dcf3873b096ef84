"""Locks between processes, and a lock's file that is removed with it."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from mull.fs.lock import FileInUse, lock_path, locked


def test_a_file_is_locked_by_one(tmp_path: Path) -> None:
    file = tmp_path / "file"
    with locked(file), pytest.raises(FileInUse), locked(file, wait=0):
        pass
    with locked(file, wait=0):
        pass
    assert lock_path(file).exists()


def test_one_that_waits_for_a_lock_that_is_removed_holds_the_next_one(tmp_path: Path) -> None:
    file = tmp_path / "file"
    holds, leave = threading.Event(), threading.Event()

    def wait() -> None:
        with locked(file, wait=60, remove=True):
            holds.set()
            leave.wait(60)

    with locked(file, remove=True):
        thread = threading.Thread(target=wait)
        thread.start()
        assert not holds.wait(0.05)
    assert holds.wait(60)
    with pytest.raises(FileInUse), locked(file, wait=0):
        pass
    leave.set()
    thread.join()
    assert list(tmp_path.iterdir()) == []


def test_of_many_one_at_a_time_holds_a_lock_that_is_removed(tmp_path: Path) -> None:
    inside, most = [0], [0]

    def work() -> None:
        for _ in range(25):
            with locked(tmp_path / "file", wait=60, remove=True):
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                inside[0] -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]
