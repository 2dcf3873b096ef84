"""One build at a time: a lock on a file, which the system releases when the process ends in any way."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

if sys.platform == "win32":
    import msvcrt

    def _try(file: IO[str]) -> bool:
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _wait(file: IO[str]) -> None:
        while not _try(file):  # LK_LOCK gives up after 10 seconds
            time.sleep(1)

else:
    import fcntl

    def _try(file: IO[str]) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _wait(file: IO[str]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX)


@contextmanager
def locked(path: Path, on_wait: Callable[[str], None]) -> Iterator[int]:
    """Hold the lock and give its file descriptor: a child process that inherits it holds the lock too.

    `on_wait` receives the process that has the lock, where another one does. Raises OSError.
    """
    with path.open("a+", encoding="utf-8") as file:
        if not _try(file):
            file.seek(0)
            on_wait(file.read().strip())
            _wait(file)
        file.seek(0)
        file.truncate()
        file.write(str(os.getpid()))
        file.flush()
        yield file.fileno()
