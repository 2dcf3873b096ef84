"""Locks between processes: one writer at a time for a file.

`lock_file` locks an open file itself, so that every path to it (links too) meets the same lock. `locked` guards a file
that is replaced as a whole, through a small file beside it that holds the owner's process id. The operating system
releases a lock when its process dies. Both raise FileInUse, an OSError. A file system without locks (some network
mounts) locks nothing.
"""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

WAIT_SECONDS = 5.0  # `locked` waits so long; mull's own writes take milliseconds
_PAUSE = 0.02  # seconds between two tries
_BUSY = {errno.EAGAIN, errno.EACCES, errno.EDEADLK}
_UNSUPPORTED = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL}


class FileInUse(OSError):
    """Another process has locked the file. `owner`: its process id, None where that cannot be found out."""

    def __init__(self, path: Path, owner: int | None) -> None:
        by = "another mull" if owner is None else f"another mull (process {owner})"
        super().__init__(errno.EAGAIN, f"{path.name} is being written by {by}")
        self.path = path
        self.owner = owner


def lock_file(descriptor: int, path: Path) -> bool:
    """Lock an open, writable file until it is closed. False where the file system has no locks. Raises FileInUse."""
    try:
        _lock(descriptor)
    except OSError as error:
        if error.errno in _BUSY:
            raise FileInUse(path, _writer(path)) from error
        if error.errno in _UNSUPPORTED:
            return False
        raise
    return True


@contextmanager
def locked(
    path: Path, *, wait: float = WAIT_SECONDS, folder: Path | None = None, remove: bool = False
) -> Iterator[None]:
    """Be the only process that changes the file at `path`. Raises FileInUse after `wait` seconds, and OSError.

    `folder`: where the small file lies, if not beside; its name is unique to the real path then. `remove`: remove the
    small file in the end.
    """
    beside = lock_path(path) if folder is None else folder / _lock_name(path)
    descriptor = _opened(beside, path, time.monotonic() + wait)
    try:
        with suppress(OSError):  # a full disk: the lock holds all the same
            os.truncate(descriptor, 0)
            os.write(descriptor, str(os.getpid()).encode())
        yield
    finally:
        if remove:
            with suppress(OSError):
                beside.unlink()
        os.close(descriptor)


def lock_path(path: Path) -> Path:
    """The small file beside `path` that `locked` locks."""
    return path.with_name(f".{path.name}.lock")


def _opened(beside: Path, path: Path, deadline: float) -> int:
    """The small file, open and locked; once more where its last owner has removed it meanwhile."""
    while True:
        descriptor = os.open(beside, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
        try:
            _wait_for(descriptor, path, deadline)
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(descriptor), beside.lstat()):
                    return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _lock_name(path: Path) -> str:
    import hashlib  # here, as the shell's completion writes nothing

    real = os.path.realpath(path).encode("utf-8", "surrogateescape")
    return f".{hashlib.sha256(real).hexdigest()[:16]}.lock"


def _wait_for(descriptor: int, path: Path, deadline: float) -> None:
    while True:
        try:
            _lock(descriptor)
        except OSError as error:
            if error.errno in _UNSUPPORTED:
                return
            if error.errno not in _BUSY:
                raise
            if time.monotonic() > deadline:
                raise FileInUse(path, _noted(descriptor)) from error
            time.sleep(_PAUSE)
        else:
            return


def _noted(descriptor: int) -> int | None:
    """The process id in the file beside."""
    try:
        os.lseek(descriptor, 0, os.SEEK_SET)
        return int(os.read(descriptor, 20))
    except (OSError, ValueError):
        return None


def _writer(path: Path) -> int | None:
    """The process that has the file open for writing, as far as this user may see it."""
    import psutil

    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            for file in process.open_files():
                writable = getattr(file, "mode", "a") != "r"
                if process.pid != os.getpid() and writable and path.samefile(file.path):
                    return int(process.pid)
    return None


if sys.platform == "win32":
    import msvcrt

    _BEYOND = 1 << 40  # a byte that no file has: locked bytes cannot be read by others

    def _lock(descriptor: int) -> None:
        here = os.lseek(descriptor, 0, os.SEEK_CUR)
        os.lseek(descriptor, _BEYOND, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        finally:
            os.lseek(descriptor, here, os.SEEK_SET)

else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
