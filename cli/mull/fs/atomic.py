"""Atomic writes: a file is replaced as a whole, or stays as it was.

In: a path and the new content. It is written to a new file in the same folder, with an unpredictable name that ends in
`TEMPORARY_SUFFIX`, which is then renamed to the path; on failure, Ctrl+C included, the new file is removed. A symbolic
link at the path is replaced, not followed; `out_file.OutFile` follows it. Nothing is synced to the disk: after a power
cut the old or the new content may be lost. Raises OSError.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

TEMPORARY_SUFFIX = ".part"
"""By which files left behind by a killed process are recognized."""

PRIVATE = 0o600
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_LONGEST_STEM = 100  # bytes of the target's name in the temporary one; file systems allow 255 in all


def write_atomic(path: Path, content: str | bytes, *, mode: int | None = PRIVATE) -> None:
    """Replace the file by this content; text is written as UTF-8, line ends as they are. `mode`: see `AtomicFile`."""
    data = content.encode() if isinstance(content, str) else content
    try:
        with open_atomic(path, mode=mode) as file:
            file.write(data)
    except OSError as failure:
        failure.filename = failure.filename or str(path)  # a write that fails names none
        raise


def write_atomic_through(path: Path, content: str) -> None:
    """The same for a file that may be a link into a folder of dotfiles: the file behind it is replaced, and keeps its
    permission bits."""
    linked = path.is_symlink()
    write_atomic(Path(os.path.realpath(path)) if linked else path, content, mode=None if linked else PRIVATE)


def create_atomic(path: Path, content: str) -> bool:
    """Create the file with this content, for its owner only; False if there is one, which stays as it is."""
    new = AtomicFile(path)
    try:
        new.create().write(content.encode())
        return new.commit_new()
    finally:
        new.discard()


@contextmanager
def open_atomic(path: Path, *, mode: int | None = PRIVATE) -> Iterator[BinaryIO]:
    """A binary file to write to; it replaces `path` when the block ends, unless the block raises."""
    new = AtomicFile(path, mode=mode)
    try:
        yield new.create()
        new.commit()
    finally:
        new.discard()


def symlink_atomic(target: str, link: Path) -> bool:
    """Make `link` a symbolic link to `target`, in place of what is there; False where links cannot be created."""
    temporary = _temporary(link)
    try:
        temporary.symlink_to(target)
    except OSError:
        return False
    try:
        temporary.replace(link)
    except BaseException:
        _remove(temporary)
        raise
    return True


class AtomicFile:
    """A file beside `path` that takes its place with `commit`, and is removed with `discard`.

    Nothing is on the disk before `create`. Call that inside the `try` that discards the file, so that Ctrl+C cannot
    leave it behind. `mode`: its permission bits; None: those of the file that is replaced, or what the umask allows.
    """

    def __init__(self, path: Path, *, mode: int | None = PRIVATE) -> None:
        self._path = path
        self._mode = mode
        self._temporary: Path | None = None
        self._file: BinaryIO | None = None

    def create(self) -> BinaryIO:
        """Create the file, empty. Raises OSError, after which it must be discarded, too."""
        copied = _mode_of(self._path) if self._mode is None else None
        self._temporary = _temporary(self._path)
        mode = 0o666 if self._mode is None else self._mode
        # Nobody can open it before it has the bits of a private file that it replaces.
        descriptor = os.open(self._temporary, _FLAGS, mode if copied is None else copied & PRIVATE)
        self._file = os.fdopen(descriptor, "wb")
        if copied is not None:
            self._temporary.chmod(copied)
        return self._file

    def commit(self) -> None:
        """Close the file and rename it to the path."""
        if self._file is not None and self._temporary is not None:
            self._file.close()
            self._temporary.replace(self._path)
            self._temporary = None

    def commit_new(self) -> bool:
        """Close the file and give it the path, unless that exists: then False."""
        if self._file is None or self._temporary is None:
            return False
        self._file.close()
        try:
            os.link(self._temporary, self._path)
        except FileExistsError:
            return False
        except OSError:  # a file system without hard links
            if self._path.exists():
                return False
            self.commit()
        return True

    def discard(self) -> None:
        """Close and remove the file; after `commit` this does nothing."""
        if self._temporary is not None:
            if self._file is not None:
                with suppress(OSError):  # what could not be flushed is discarded anyway
                    self._file.close()
            _remove(self._temporary)
            self._temporary = None


def _temporary(path: Path) -> Path:
    stem = path.name.encode("utf-8", "ignore")[:_LONGEST_STEM].decode("utf-8", "ignore")
    return path.with_name(f".{stem}.{os.urandom(8).hex()}{TEMPORARY_SUFFIX}")


def _mode_of(path: Path) -> int | None:
    """The permission bits of a regular file, links followed; None where there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return stat.S_IMODE(found.st_mode) if stat.S_ISREG(found.st_mode) else None


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink()
