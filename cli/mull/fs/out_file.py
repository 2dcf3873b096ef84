"""The file that a user names for an output: checked at once, written as a whole at the end.

In: a path and a text. A regular file is replaced atomically (`atomic.py`), behind a symbolic link too; what is no
regular file (a pipe, a device) is written to, and so is what an open descriptor leads to (`/dev/stdout`, `>(command)`),
where it stands. Raises MullError (write_failed, file_exists).
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from io import BufferedWriter
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from mull.errors import MullError
from mull.fs.atomic import AtomicFile
from mull.fs.os_failures import FULL
from mull.fs.stream import StreamWriter

_MOST_LINKS = 16  # that are followed to an open descriptor


def descriptor(path: Path) -> int | None:
    """The open descriptor of this process that the path names (`/dev/stdout`, `/dev/fd/63`); None for any other path.

    A file behind it must be written to through the descriptor: opening its path begins at its start, as `-o` does.
    """
    folders = {"/dev/fd", os.path.realpath("/dev/fd")}
    with suppress(OSError, ValueError):
        place = Path(os.path.abspath(path))  # noqa: PTH100 - links are followed one by one
        for _ in range(_MOST_LINKS):
            parent = Path(os.path.realpath(place.parent))
            if str(parent) in folders and place.name.isdecimal():
                return int(place.name)
            place = parent / Path(parent, place.name).readlink()
    return None


def duplicate(opened: int) -> int:
    """Another descriptor of what the shell has opened. Raises OSError, also for a file that mull itself opened."""
    if not os.get_inheritable(opened):
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    return os.dup(opened)


def would_replace(path: Path) -> bool:
    """Whether a file is at that path whose content an output would take the place of."""
    return path.is_file() and descriptor(path) is None


class OutFile:
    """The file of `-o FILE`. A context manager; leaving it without `write` leaves everything as it was.

    `mode`: see `AtomicFile`. `replace` False: a regular file with that path is an error (file_exists), also one that
    comes into being before `write`; `hint` says what to do then.
    """

    def __init__(
        self, path: Path, *, mode: int | None = None, replace: bool = True, hint: str = "Give another file."
    ) -> None:
        self._named = path
        self._replace = replace
        self._hint = hint
        self._new: AtomicFile | None = None
        self._file: BinaryIO | None = None
        self._descriptor: int | None = None
        try:
            if (opened := descriptor(path)) is not None:
                self._descriptor = duplicate(opened)
                return
            self.path = Path(os.path.realpath(path))
            found = self.path.stat() if self.path.exists() else None
            if found is not None and stat.S_ISDIR(found.st_mode):
                raise IsADirectoryError(0, "it is a folder")
            if found is not None and stat.S_ISREG(found.st_mode) and not replace:
                raise self._exists()
            if found is not None and not os.access(self.path, os.W_OK):
                raise PermissionError(0, "Permission denied")
            if found is None or stat.S_ISREG(found.st_mode):
                self._new = AtomicFile(self.path, mode=mode)
                self._file = self._new.create()
        except (OSError, ValueError) as failure:  # ValueError: a NUL in the path
            self._discard()
            reason = getattr(failure, "strerror", None) or failure
            raise MullError(
                "write_failed",
                f"{path} cannot be written: {reason}.",
                "Check the path and its permissions.",
            ) from failure
        except BaseException:
            self._discard()
            raise

    def write(self, text: str) -> None:
        """Write this text, as UTF-8, in place of what was in a regular file."""
        self.write_bytes(text.encode("utf-8", errors="backslashreplace"))

    def write_bytes(self, data: bytes) -> None:
        """The same for bytes."""
        try:
            if self._descriptor is not None:
                with BufferedWriter(StreamWriter(self._descriptor)) as stream:
                    stream.write(data)
            elif self._new is None or self._file is None:
                self.path.write_bytes(data)
            else:
                self._file.write(data)
                if self._replace:
                    self._new.commit()
                elif not self._new.commit_new():
                    raise self._exists()
        except OSError as failure:
            raise MullError(
                "write_failed",
                f"{self._named} could not be written: {failure.strerror or failure}.",
                f"{'Free some space, or give' if failure.errno in FULL else 'Give'} another file.",
            ) from failure

    def _exists(self) -> MullError:
        return MullError("file_exists", f"{self._named} exists already.", self._hint)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._discard()

    def _discard(self) -> None:
        if self._new is not None:
            self._new.discard()
        if self._descriptor is not None:
            with suppress(OSError):
                os.close(self._descriptor)
            self._descriptor = None
