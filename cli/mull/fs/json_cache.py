"""What was found out once and need not be asked again: answers by key, in a JSON file and in this process.

In: a key that names everything the answer depends on. Out: the answer, or None. Only the newest are kept.
"""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

from mull.fs.atomic import write_atomic

_MOST = 200

_memory: dict[str, Any] = {}


def forget() -> None:
    """What this process knows beside the files."""
    _memory.clear()


class JsonCache:
    """Answers in a JSON file, by key. A damaged or unwritable file only costs the next process the question."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def get(self, key: str) -> dict[str, Any] | None:
        found = _memory.get(f"{self._path}:{key}") or self._read().get(key)
        return found if isinstance(found, dict) else None

    def put(self, key: str, answer: dict[str, Any]) -> None:
        _memory[f"{self._path}:{key}"] = answer
        everything = {**self._read(), key: answer}
        newest = dict(list(everything.items())[-_MOST:])
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(self._path, json.dumps(newest))

    def _read(self) -> dict[str, Any]:
        try:
            data = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return data if isinstance(data, dict) else {}
