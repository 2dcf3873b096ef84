"""The layouts of files on this disk, remembered: a header with a large vocabulary takes a tenth of a second to read.

In: a file's parts. Out: its layout, from the record when the parts have not changed since, else from their headers as
long as there is time. The record is a JSON file in the state folder; a damaged one is an empty one.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mull.errors import MullError
from mull.fs.atomic import write_atomic
from mull.fs.file_stamp import versioned
from mull.models.gguf.header import read_header
from mull.models.memory.kv_size import KvLayers
from mull.models.memory.layout import MemoryLayout, from_headers

_FORMAT = 1  # of the record; another one is read anew


class Layouts:
    """See the module. `seconds`: how long headers may be read in all; after that, only the record answers."""

    def __init__(self, record: Path | None, seconds: float) -> None:
        self._record = record
        self._left = seconds
        self._known = _load(record)
        self._asked: set[str] = set()
        self._fresh = False

    def of(self, parts: Sequence[Path]) -> MemoryLayout | None:
        """The layout, or None: not readable, no language model, or no time left."""
        try:
            key = _key(parts)
        except OSError:
            return None
        self._asked.add(key)
        if key in self._known:
            return _layout(self._known[key])
        if self._left <= 0:
            return None
        began = time.monotonic()
        try:
            found = from_headers([read_header(part) for part in parts])
        except MullError:
            found = None
        self._left -= time.monotonic() - began
        self._known[key] = asdict(found) if found else None
        self._fresh = True
        return found

    def save(self) -> None:
        """Keep what was read for the next time. Says nothing where the disk refuses: it is only time that is lost."""
        if self._record is None or not self._fresh:
            return
        kept = {
            key: value for key, value in self._known.items() if key in self._asked
        }  # gone files are forgotten
        with suppress(OSError):
            write_atomic(self._record, json.dumps({"format": _FORMAT, "layouts": kept}))


def _key(parts: Sequence[Path]) -> str:
    """What changes when a part does: its path, size and time."""
    return " ".join(map(versioned, parts))


def _load(record: Path | None) -> dict[str, Any]:
    if record is None:
        return {}
    try:
        data = json.loads(record.read_text(encoding="utf-8"))
        known = data["layouts"] if data["format"] == _FORMAT else {}
        return {key: value for key, value in known.items() if value is None or _layout(value)}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _layout(value: dict[str, Any] | None) -> MemoryLayout | None:
    if value is None:
        return None
    return MemoryLayout(**{**value, "kv": tuple(KvLayers(**group) for group in value["kv"])})
