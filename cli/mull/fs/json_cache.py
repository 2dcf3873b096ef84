"""A small cache of answers in one JSON file, by key.

In: a key that names everything the answer depends on (file stamps, library versions). Out: the answer, a JSON object,
or None. Only the newest 200 are stored. Processes that write at once lose nothing of each other. A damaged or
unwritable file only costs later processes the answers: within this process they are remembered all the same. `save` and
`remove` raise OSError; nothing else raises.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mull.fs import ownership
from mull.fs.atomic import write_atomic
from mull.fs.json_text import read_json
from mull.fs.lock import locked
from mull.fs.paths import private_dir

_LIMIT = 200  # answers
_LONGEST = 32 << 20  # bytes of the file

_MOST_IN_MEMORY = 2000  # answers: a server runs for months

_memory: dict[tuple[Path, str], dict[str, Any]] = {}
"""What this process has put into any cache lately, oldest first."""


def forget_memory() -> None:
    """Forget what this process remembers beside the files; for tests that play several processes."""
    _memory.clear()


class JsonCache:
    """One file. It is read when the first answer is looked up, and again before it is written."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stored: dict[str, Any] | None = None

    def get(self, key: str) -> dict[str, Any] | None:
        """The answer, None where there is none."""
        found = _memory.get((self._path, key))
        if found is None:
            if self._stored is None:
                self._stored = self._read()
            found = self._stored.get(key)
        return found if isinstance(found, dict) else None

    def put(self, key: str, answer: dict[str, Any]) -> None:
        """Store an answer; if the disk refuses, for this process only."""
        self._remember(key, answer)
        with contextlib.suppress(OSError):
            self._change(lambda stored: {**stored, key: answer})

    def save(self, key: str, answer: dict[str, Any]) -> None:
        """Store an answer. Raises OSError if the disk refuses."""
        self._change(lambda stored: {**stored, key: answer})
        self._remember(key, answer)

    def replace(self, answers: Mapping[str, dict[str, Any]]) -> None:
        """Store these answers in place of all others, if the disk allows."""
        with contextlib.suppress(OSError):
            self._change(lambda _: dict(answers))

    def remove(self, key: str) -> bool:
        """Remove an answer; whether there was one. Raises OSError if the disk refuses."""
        found = key in self._read()
        if found:
            self._change(lambda stored: {other: stored[other] for other in stored if other != key})
        return _memory.pop((self._path, key), None) is not None or found

    def clear(self) -> int:
        """Remove all answers; returns how many there were. Raises OSError if the disk refuses."""
        stored = self._read()
        if stored:
            self._change(lambda _: {})
        for place in [place for place in _memory if place[0] == self._path]:
            del _memory[place]
        return len(stored)

    def values(self) -> list[Any]:
        """Everything in the file, oldest first; not only objects if somebody else wrote it."""
        return list(self._read().values())

    def _remember(self, key: str, answer: dict[str, Any]) -> None:
        _memory.pop((self._path, key), None)
        _memory[self._path, key] = answer
        while len(_memory) > _MOST_IN_MEMORY:
            del _memory[next(iter(_memory))]

    def _read(self) -> dict[str, Any]:
        try:
            data = read_json(self._path, most=_LONGEST)
        except (OSError, ValueError):
            return {}
        if ownership.weakness(self._path) is not None:  # others could have written it
            return {}
        return data if isinstance(data, dict) else {}

    def _change(self, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        private_dir(self._path.parent)
        with locked(self._path):
            newest = dict(list(change(self._read()).items())[-_LIMIT:])
            write_atomic(self._path, json.dumps(newest, indent=1))
        self._stored = newest
