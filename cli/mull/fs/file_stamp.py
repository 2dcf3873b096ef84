"""File stamps: a cheap answer to "is this still the same file?".

In: a path. Out: a `FileStamp` from one `stat` call, or a digest over samples of the content. Both raise OSError.
A file that was replaced or edited has another stamp; whoever caches an answer about a file stores the stamp with it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from io import FileIO
from pathlib import Path
from typing import NamedTuple

_HEADER = 1 << 20  # bytes hashed from the beginning
_SAMPLES = 16  # places in the rest of the file
_SAMPLE = 16 << 10  # bytes hashed at each


class FileStamp(NamedTuple):
    """Identity and version of a file: device and inode number, size in bytes, time of change in nanoseconds."""

    device: int
    inode: int
    size: int
    mtime_ns: int


def stamp(path: Path) -> FileStamp:
    """The file's stamp, symbolic links followed. Raises OSError."""
    return _of(path.stat())


def stamps(paths: Iterable[Path]) -> tuple[FileStamp, ...]:
    """The stamps of several files, such as the parts of a split model; empty when any of them cannot be read."""
    try:
        return tuple(map(stamp, paths))
    except OSError:
        return ()


def versioned(path: Path) -> str:
    """A cache key: the path, size and time of change in one string. Raises OSError."""
    found = stamp(path)
    return f"{path} {found.size} {found.mtime_ns}"


def folder_stamp(folder: Path) -> str:
    """The names, sizes and times of change of the files in a folder, in one string. Raises OSError."""
    with os.scandir(folder) as entries:
        found = ((entry.name, entry.stat()) for entry in entries if entry.is_file())
        return " ".join(sorted(f"{name} {facts.st_size} {facts.st_mtime_ns}" for name, facts in found))


def fingerprint(path: Path) -> str:
    """A hexadecimal digest of size, time of change and some of the bytes: fast even for 100 GB. Raises OSError."""
    import hashlib  # here, as a question that is answered from caches needs no digest

    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        found = _of(os.fstat(file.fileno()))
        digest.update(f"{found.size} {found.mtime_ns} ".encode())
        for sample in _samples(file, found.size):
            digest.update(sample)
    return digest.hexdigest()


def samples(path: Path) -> str:
    """The same without the time of change: equal for a copy. A change between the samples stays unseen."""
    import hashlib

    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        digest.update(f"{size} ".encode())
        for sample in _samples(file, size):
            digest.update(sample)
    return digest.hexdigest()


def _samples(file: FileIO, size: int) -> Iterator[bytes]:
    yield file.read(_HEADER)
    for number in range(1, _SAMPLES + 1):
        file.seek(max(0, size - _SAMPLE) * number // _SAMPLES)
        yield file.read(_SAMPLE)


def _of(facts: os.stat_result) -> FileStamp:
    return FileStamp(facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns)
