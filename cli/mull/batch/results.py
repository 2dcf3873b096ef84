"""The file of a batch's results, and resuming an earlier run by the ids in it.

In: a path, the model's name. Out: the finished ids, and a file to append to. An incomplete last line is cut off, and
results that are errors are removed, because those lines are asked again. A file with anything but results of this
model is refused, never overwritten.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path
from typing import Any, Generic, TypeVar

from mull.batch.lines import Id, Line
from mull.errors import UsageError
from mull.fs.atomic import open_atomic

T = TypeVar("T")

_BEGINNING = b'{"v": 1, "id": '
_AGAIN = "Use --overwrite to start over, or name another file with -o."


@dataclass(frozen=True, slots=True)
class Earlier:
    """What an earlier run finished: the ids of its lines, with their digests."""

    path: Path
    finished: Mapping[Id, str] = field(default_factory=dict)

    def has(self, line: Line) -> bool:
        """Whether the line has its answer. Raises UsageError if another line had that id in the earlier run."""
        digest = self.finished.get(line.id)
        if digest is None or line.error is not None:
            return False
        if digest != line.digest:
            raise UsageError(
                "results_input_mismatch",
                f"{self.path} has an answer with the id {line.id!r}, but line {line.number} was different then.",
                _AGAIN,
            )
        return True


class Unfinished:
    """Iterates over the lines that have no answer yet; `skipped` counts the others."""

    def __init__(self, lines: Iterable[Line], earlier: Earlier) -> None:
        self._lines = lines
        self._earlier = earlier
        self.skipped = 0

    def __iter__(self) -> Iterator[Line]:
        for line in self._lines:
            if self._earlier.has(line):
                self.skipped += 1
            else:
                yield line


def open_results(path: Path, model: str, *, overwrite: bool) -> tuple[FileIO, Earlier]:
    """The file, unbuffered and open at its end, and the finished ids in it.

    Raises UsageError for a file with other content, OSError.
    """
    if overwrite or not path.exists() or not path.is_file():
        return path.open("wb", buffering=0), Earlier(path)
    finished: dict[Id, str] = {}
    length, failed = 0, False
    for _, end, result in _complete(path, model):
        length = end
        if result["error"] is None:
            finished[result["id"]] = result["input"]
        else:
            failed = True
    if failed:
        _drop_failures(path, model)
    else:
        os.truncate(path, length)
    return path.open("ab", buffering=0), Earlier(path, finished)


def _complete(path: Path, model: str) -> Iterator[tuple[int, int, dict[str, Any]]]:
    """Where each complete result starts and ends, and the result. Raises UsageError."""
    with path.open("rb") as file:
        end = 0
        for data in file:
            start, end = end, end + len(data)
            whole = data.endswith(b"\n")
            if not data.strip():
                continue
            result = _result(data)
            if result is None:
                if not whole and (start or data.startswith(_BEGINNING[: len(data)])):
                    return  # cut short by a kill
                raise UsageError(
                    "invalid_results", f"{path} has other content than results of a batch.", _AGAIN
                )
            if result["model"] not in {model, ""}:
                raise UsageError(
                    "results_model_mismatch",
                    f"{path} has answers of {result['model']}, not of {model}.",
                    _AGAIN,
                )
            if not whole:
                return
            yield start, end, result


def _result(data: bytes) -> dict[str, Any] | None:
    try:
        result = json.loads(data)
    except (ValueError, RecursionError):
        return None
    keys = {"v", "id", "input", "model", "error"}
    return result if isinstance(result, dict) and keys <= result.keys() else None


def _drop_failures(path: Path, model: str) -> None:
    """Rewrite the file atomically, without the results that are errors."""
    with open_atomic(path, mode=None) as new, path.open("rb") as old:
        for start, end, result in _complete(path, model):
            if result["error"] is None:
                old.seek(start)
                new.write(old.read(end - start))


class InOrder(Generic[T]):
    """Restores the input's order: `put` takes results by index (from 0) and yields those that are next in line."""

    def __init__(self) -> None:
        self._next = 0
        self._waiting: dict[int, T] = {}

    def put(self, index: int, value: T) -> Iterator[T]:
        self._waiting[index] = value
        while self._next in self._waiting:
            yield self._waiting.pop(self._next)
            self._next += 1

    def rest(self) -> Iterator[T]:
        """The results that still wait, in order; some before them are missing."""
        for index in sorted(self._waiting):
            yield self._waiting.pop(index)
