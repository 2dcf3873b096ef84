"""Records of model files: which were verified, and which was pulled last.

Small JSON files in the state folder, one per model file, written atomically, so that parallel downloads do not
conflict. A record is valid while the file's size and modification time are unchanged. Records that cannot be read or
written are ignored: the file is not trusted then.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from mull.dataclass import dataclass
from mull.fs import ownership, paths
from mull.fs.atomic import write_atomic
from mull.fs.file_stamp import stamp
from mull.fs.json_text import read_json

_LONGEST = 1 << 20  # bytes of a record
_VERIFIED = "verified"
_LAST_PULLED = "last_pulled.json"


@dataclass(frozen=True, slots=True)
class VerifiedRecord:
    """A file when its content was verified. `bytes`, `mtime_ns` of the file, `at` in seconds since the epoch.

    `source`: what the digest was compared with, "catalogue", "hub", or "seen" (with nothing: the first reading).
    """

    sha256: str
    bytes: int
    mtime_ns: int
    at: float
    source: str


@dataclass(frozen=True, slots=True)
class PullRecord:
    """The model that was pulled last: its name, and its (first) file."""

    name: str
    path: Path


def verified(path: Path, state_dir: Path | None = None) -> VerifiedRecord | None:
    """The record of a file that is unchanged since it was verified; None otherwise."""
    record = recorded(path, state_dir)
    if record is None:
        return None
    with suppress(OSError):
        found = stamp(path)
        if (found.size, found.mtime_ns) == (record.bytes, record.mtime_ns):
            return record
    return None


def recorded(path: Path, state_dir: Path | None = None) -> VerifiedRecord | None:
    """The record of a file, whether or not the file has changed since."""
    values = _read(_record_path(path, state_dir))
    try:
        return VerifiedRecord(
            str(values["sha256"]),
            int(values["bytes"]),
            int(values["mtime_ns"]),
            float(values["at"]),
            str(values["source"]),
        )
    except (KeyError, TypeError, ValueError):
        return None


def record_verified(path: Path, sha256: str, source: str, state_dir: Path | None = None) -> None:
    """Record the digest of a file as verified."""
    with suppress(OSError):
        found = stamp(path)
        values = {
            "path": str(_real(path)),
            "sha256": sha256,
            "bytes": found.size,
            "mtime_ns": found.mtime_ns,
            "at": time.time(),
            "source": source,
        }
        _write(_record_path(path, state_dir), values)


def forget(path: Path, state_dir: Path | None = None) -> None:
    """Remove the record of a file."""
    with suppress(OSError):
        _record_path(path, state_dir).unlink()


def last_pulled(state_dir: Path | None = None) -> PullRecord | None:
    """The model pulled last, if its file is still there."""
    values = _read(_state(state_dir) / _LAST_PULLED)
    name, path = values.get("name"), values.get("path")
    if not isinstance(name, str) or not isinstance(path, str):
        return None
    with suppress(OSError):
        if Path(path).is_file():
            return PullRecord(name, Path(path))
    return None


def record_pulled(name: str, path: Path, state_dir: Path | None = None) -> None:
    """Record the model pulled last."""
    with suppress(OSError):
        _write(_state(state_dir) / _LAST_PULLED, {"name": name, "path": str(path.absolute())})


def _state(state_dir: Path | None) -> Path:
    return paths.state_dir() if state_dir is None else state_dir


def _real(path: Path) -> Path:
    """With links followed: a snapshot's link and its blob are one file."""
    return Path(os.path.realpath(path))


def _record_path(path: Path, state_dir: Path | None) -> Path:
    key = hashlib.sha256(str(_real(path)).encode("utf-8", "surrogateescape")).hexdigest()[:32]
    return _state(state_dir) / _VERIFIED / f"{key}.json"


def _read(path: Path) -> Mapping[str, Any]:
    """The record, {} without one, and for one that others could have written: it names a model to load."""
    try:
        values = read_json(path, most=_LONGEST)
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) and ownership.weakness(path) is None else {}


def _write(path: Path, values: Mapping[str, Any]) -> None:
    paths.private_dir(path.parent)
    write_atomic(path, json.dumps(values))
