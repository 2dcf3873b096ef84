"""Read and write pipes and other streams, so that Ctrl+C always ends the wait, whatever mode the descriptor is in.

Python handles a signal between two instructions: one that comes just before a blocking `read` stays unseen until that
read returns, which may be never. So the wait is a `select` with a limit, and only what has come is read. A descriptor
that another process made non-blocking is waited for like any other.
"""

from __future__ import annotations

import errno
import io
import os
import select
import sys
import time
from collections.abc import Callable
from typing import Any

SLOW = 2.0  # seconds of reading after which a caller may say that it waits
_STEP = 0.25  # seconds until a signal that came just before the wait is seen
_PIECE = 1 << 20  # bytes


def read_stream(descriptor: int, most: int, slow: Callable[[], None] | None = None) -> bytes:
    """What comes until the end of the stream, at most `most` bytes. Raises OSError as `os.read` does.

    `slow` is called once, if the end has not come after `SLOW` seconds.
    """
    _check_readable(descriptor)
    data = bytearray()
    began = time.monotonic()
    while len(data) < most:
        if slow is not None and time.monotonic() - began >= SLOW:
            slow()
            slow = None
        piece = _read(descriptor, min(_PIECE, most - len(data)))
        if piece is None:
            continue
        if not piece:
            break
        data += piece
    return bytes(data)


class StreamReader(io.RawIOBase):
    """A stream as the raw file of an `io.BufferedReader`, for what is read line by line. Raises OSError.

    Closing it leaves the descriptor open.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        _check_readable(descriptor)
        self._descriptor = descriptor

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while (piece := _read(self._descriptor, len(buffer))) is None:
            pass
        buffer[: len(piece)] = piece
        return len(piece)


class StreamWriter(io.RawIOBase):
    """The same for writing: waits for the reader, where Python's own streams lose what a full pipe does not take."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)

    def write(self, data: Any, /) -> int:
        while True:
            try:
                return os.write(self._descriptor, data)
            except BlockingIOError:
                select.select([], [self._descriptor], [], _STEP)


def is_non_blocking(descriptor: int) -> bool:
    """Whether a read or a write returns at once; the mode belongs to the pipe, so another process may have set it."""
    return sys.platform != "win32" and not os.get_blocking(descriptor)


def _read(descriptor: int, most: int) -> bytes | None:
    """What has come, b"" at the end of the stream; None if nothing came within a step."""
    if sys.platform != "win32" and not select.select([descriptor], [], [], _STEP)[0]:
        return None  # Windows has no select for pipes
    try:
        return os.read(descriptor, most)
    except BlockingIOError:  # another reader was faster
        return None


def is_readable(descriptor: int) -> bool:
    """Whether it is open for reading: `nohup` opens stdin for writing only. Raises OSError for a closed one."""
    if sys.platform == "win32":
        return True
    import fcntl

    return fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE != os.O_WRONLY


def _check_readable(descriptor: int) -> None:
    """Raise OSError for what is open for writing only: the wait for its end may never end."""
    if not is_readable(descriptor):
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
