"""A file that is there as a whole or not at all.

In: a path as the user typed it. Out: an `OutFile` to which text is written once, at the end. That it can be written is
known at once: the new file is made beside the old one and takes its place in one step, with its rights, behind the
link that points to it. What is no regular file (`/dev/null`, a pipe) is written straight into. Raises MullError
(output_unwritable, write_failed).
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from mull.errors import MullError


class OutFile:
    """A context manager; leaving it without `write` leaves everything as it was."""

    def __init__(self, path: Path) -> None:
        self._named = path
        self.path = Path(os.path.realpath(path))
        self._new: Path | None = None
        try:
            found = self.path.stat() if self.path.exists() else None
            if found is not None and stat.S_ISDIR(found.st_mode):
                raise IsADirectoryError(0, "it is a folder")
            if found is not None and not os.access(self.path, os.W_OK):
                raise PermissionError(0, "Permission denied")
            if found is None or stat.S_ISREG(found.st_mode):
                self._new = self._beside(found)
        except (OSError, ValueError) as failure:  # the second: a NUL in the path
            reason = getattr(failure, "strerror", None) or failure
            raise MullError(
                "output_unwritable", f"{path} cannot be written: {reason}.", "Check the path and its rights."
            ) from failure

    def write(self, text: str) -> None:
        """Put the text there, as UTF-8, in place of what was there before."""
        data = text.encode("utf-8", errors="backslashreplace")
        try:
            with (self._new or self.path).open("wb") as file:
                file.write(data)
            if self._new is not None:
                self._new.replace(self.path)
                self._new = None
        except OSError as failure:
            raise MullError(
                "write_failed",
                f"{self._named} could not be written: {failure.strerror or failure}.",
                "Free some space, or give another file.",
            ) from failure

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._new is not None:
            with suppress(OSError):
                self._new.unlink()
            self._new = None

    def _beside(self, old: os.stat_result | None) -> Path:
        """An empty file in the same folder, with the rights that the old one has or that the umask gives."""
        new = self.path.with_name(f".{self.path.name[:200]}.{os.getpid()}.new")
        with suppress(FileNotFoundError):
            new.unlink()
        os.close(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
        if old is not None:
            new.chmod(stat.S_IMODE(old.st_mode))
        return new
