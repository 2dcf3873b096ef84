"""The prompt cache on disk: states of sequences, one file each, which several processes may share.

In: tokens and the bytes of their state, under a family (a cache key of everything else that shaped it). Out: the
entries of a family; the bytes of one, verified. Files are written atomically, readable by their owner alone, and the
least recently used are evicted at the limit. Damaged and foreign entries are never used; disk errors mean no entry.

A file: a fixed head (magic with the format's version, sizes, checksums), a JSON description, the token ids, and at the
next page the state. No fsync: after a power cut the checksums reveal what is damaged, and a cache may lose entries.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import json
import mmap
import os
import shutil
import struct
import time
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

from xxhash import xxh3_64_intdigest

from mull.dataclass import dataclass
from mull.fs.atomic import TEMPORARY_SUFFIX, open_atomic
from mull.fs.json_cache import JsonCache
from mull.fs.json_text import parse_json
from mull.fs.paths import private_dir

SUFFIX = ".kv"

_JSON = ".json"
_MAGIC = b"mullkv\0\2"  # the last byte is the format's version
_HEAD = struct.Struct("<8sIIQQQ")
"""Magic, bytes of description, tokens, bytes of state, checksums (XXH3) of the first two and of the state. A state of
half a gigabyte is checked at every start that uses it, so the checksum must be as fast as memory."""

_PAGE = 4096
_SLICE = 16 << 20  # bytes per write: between two of them Ctrl+C is seen
_MAX_DESCRIPTION = 1 << 20
_ABANDONED = 600.0  # seconds after which an unfinished file belongs to a process that was killed
_DEFAULT_LIMIT = 4_000_000_000
_DISK_SHARE = 10  # a tenth of what is free


@dataclass(frozen=True, slots=True)
class StoredState:
    """An entry whose head was read and verified."""

    path: Path
    family: str
    model: str
    tokens: list[int]
    offset: int
    size: int  # bytes of the state
    bytes: int  # of the file
    used: float  # Unix seconds


@dataclass(frozen=True, slots=True)
class StateStore:
    """A folder of entries. `limit` in bytes, None: 4 GB or a tenth of the free disk, whichever is less.

    `min_seconds`: computing time that an entry must save to be written; 0: every entry is written and used, whatever it
    costs. `model`: the model name that new entries are labelled with.
    """

    folder: Path
    limit: int | None = None
    min_seconds: float = 0.25
    model: str = ""

    def entries(self, family: str = "") -> list[StoredState]:
        """The entries of a family, or all. Damaged ones are removed."""
        paths = self._files(f"{family[:16]}-" if family else "", SUFFIX)
        return [
            entry
            for entry in map(self._read, paths)
            if entry is not None and (not family or entry.family == family)
        ]

    def effective_limit(self) -> int:
        """The limit in bytes; without a fixed one it depends on the free disk space."""
        if self.limit is not None:
            return self.limit
        place = next((path for path in (self.folder, *self.folder.parents) if path.exists()), None)
        try:
            free = shutil.disk_usage(place or ".").free
        except OSError:
            return 0
        return min(_DEFAULT_LIMIT, (free + sum(size for _, size, _ in self._sizes())) // _DISK_SHARE)

    def load(self, entry: StoredState) -> Any | None:
        """The entry's state as a ctypes array over the memory-mapped file; None when it is gone or damaged."""
        try:
            with entry.path.open("rb") as file:
                mapped = mmap.mmap(
                    file.fileno(), 0, access=mmap.ACCESS_COPY
                )  # unmapped when the array is freed
        except (OSError, ValueError):  # ValueError: the file was emptied meanwhile
            return None
        if not _is_intact(mapped, entry):
            _remove(entry.path)
            return None
        return (ctypes.c_uint8 * entry.size).from_buffer(mapped, entry.offset)

    def touch(self, entry: StoredState) -> None:
        """Mark an entry as just used."""
        with contextlib.suppress(OSError):
            os.utime(entry.path)

    def put(self, family: str, tokens: Sequence[int], state: Any) -> bool:
        """Write an entry; False when there is no space for it. KeyboardInterrupt is raised and leaves no file
        behind."""
        ids = array("i", tokens)
        description = json.dumps({"family": family, "model": self.model}).encode()
        known = description + ids.tobytes()
        sums = xxh3_64_intdigest(known), xxh3_64_intdigest(state)
        head = _HEAD.pack(_MAGIC, len(description), len(ids), len(state), *sums)
        padding = -(len(head) + len(known)) % _PAGE
        size = len(head) + len(known) + padding + len(state)
        name = f"{family[:16]}-{hashlib.sha256(ids.tobytes()).hexdigest()[:16]}"
        try:
            private_dir(self.folder)
            if not self._evict_for(size):
                return False
            with open_atomic(self.folder / (name + SUFFIX)) as file:
                file.write(head + known + bytes(padding))
                view = memoryview(state).cast("B")
                for start in range(0, len(view), _SLICE):
                    file.write(view[start : start + _SLICE])
        except OSError:
            return False
        return True

    def remove(self, entry: StoredState) -> None:
        """Remove one entry."""
        _remove(entry.path)

    def remove_model(self, model: str) -> list[StoredState]:
        """Remove the entries labelled with this model name, in any case; returns them."""
        gone = [entry for entry in self.entries() if entry.model.lower() == model.lower()]
        for entry in gone:
            _remove(entry.path)
        return gone

    def clear(self) -> None:
        """Remove every entry, unfinished files of killed processes, and the measured throughput."""
        for path in self._files(""):
            _remove(path)

    @property
    def throughput(self) -> JsonCache:
        """Where the measured throughput is stored, by family."""
        return JsonCache(self.folder / f"throughput{_JSON}")

    def _evict_for(self, size: int) -> bool:
        """Evict the least recently used entries, so that `size` more bytes stay within the limit; False if they
        cannot."""
        for path, _, used in self._sizes():
            if path.suffix == TEMPORARY_SUFFIX and time.time() - used > _ABANDONED:
                _remove(path)
        limit = self.effective_limit()
        files = sorted(self._sizes(), key=lambda file: file[2])
        total = sum(held for _, held, _ in files) + size
        if size > limit:
            return False
        for path, held, _ in files:
            if total <= limit:
                break
            if path.suffix == SUFFIX:
                _remove(path)
                total -= held
        return total <= limit

    def _files(self, prefix: str, *suffixes: str) -> list[Path]:
        ours = suffixes or (SUFFIX, TEMPORARY_SUFFIX, _JSON)
        try:
            return [p for p in self.folder.iterdir() if p.name.startswith(prefix) and p.name.endswith(ours)]
        except OSError:
            return []

    def _sizes(self) -> list[tuple[Path, int, float]]:
        """Path, bytes and time of last use of every file of this store, finished or not."""
        found = []
        for path in self._files("", SUFFIX, TEMPORARY_SUFFIX):
            with contextlib.suppress(OSError):  # another process has just removed it
                facts = path.stat()
                found.append((path, facts.st_size, facts.st_mtime))
        return found

    def _read(self, path: Path) -> StoredState | None:
        """An entry without its state. A damaged, truncated or outdated file is removed."""
        try:
            with path.open("rb") as file:
                facts = os.fstat(file.fileno())
                if hasattr(os, "getuid") and facts.st_uid != os.getuid():
                    return None  # another user's file: neither trusted nor ours to remove
                return _described(path, file, facts)
        except (ValueError, KeyError, TypeError, struct.error):
            _remove(path)
        except OSError:
            pass
        return None


def _described(path: Path, file: BinaryIO, facts: os.stat_result) -> StoredState:
    """Raises ValueError, KeyError, TypeError or struct.error for an invalid file."""
    magic, n_description, n_tokens, size, known_sum, _ = _HEAD.unpack(file.read(_HEAD.size))
    known = n_description + 4 * n_tokens
    offset = _HEAD.size + known + -(_HEAD.size + known) % _PAGE
    if magic != _MAGIC or n_description > _MAX_DESCRIPTION or facts.st_size != offset + size:
        raise ValueError("another format, or truncated")
    data = file.read(known)
    if xxh3_64_intdigest(data) != known_sum:
        raise ValueError("damaged")
    description = parse_json(data[:n_description])
    tokens = array("i", data[n_description:]).tolist()
    return StoredState(
        path,
        str(description["family"]),
        str(description["model"]),
        tokens,
        offset,
        size,
        facts.st_size,
        facts.st_mtime,
    )


def _is_intact(mapped: mmap.mmap, entry: StoredState) -> bool:
    """Whether the file still has the size it had when its head was read, and its state matches its checksum."""
    if len(mapped) != entry.bytes:
        return False
    *_, state_sum = _HEAD.unpack_from(mapped)
    with memoryview(mapped) as whole, whole[entry.offset :] as state:
        return bool(xxh3_64_intdigest(state) == state_sum)


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()
