"""The file of a batch's results: one writer at a time, and resuming an earlier run by the ids in it.

In: a path, the model's name. Out: the finished ids, and a locked file to append to. An incomplete last line is cut off;
results that are errors and damaged lines are removed (damaged ones into a file beside), because they are asked again. A
file with anything but results of this model is refused, never overwritten. Raises FileInUse while another process
writes.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from io import FileIO
from pathlib import Path
from typing import Any, Generic, TypeVar

from mull.batch.lines import Id, Line
from mull.dataclass import dataclass
from mull.errors import UsageError
from mull.fs.atomic import PRIVATE, open_atomic
from mull.fs.cleanup import closed_on_failure
from mull.fs.json_text import parse_json
from mull.fs.lock import lock_file
from mull.fs.out_file import descriptor, duplicate

T = TypeVar("T")

_BEGINNING = b'{"v": 1, "id": '
_DAMAGED = ".damaged"  # added to the name of the file that damaged lines are moved to
_NAMED = 5  # damaged lines that a notice lists
_AGAIN = "Use --overwrite to start over, or name another file with -o."


@dataclass(frozen=True, slots=True)
class Earlier:
    """What an earlier run finished: the ids of its lines, with their digests. `notices` are sentences for the user."""

    path: Path
    finished: Mapping[Id, str] = field(default_factory=dict)
    notices: tuple[str, ...] = ()

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
    """The file, locked, unbuffered and open at its end, and the finished ids in it.

    Raises UsageError for a file with other content, FileInUse, OSError.
    """
    if (opened := descriptor(path)) is not None:  # a stream, like stdout: nothing in it is read or cut off
        return FileIO(duplicate(opened), "wb"), Earlier(path)
    file, notices = _open_locked(path)
    with closed_on_failure(file):
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            return file, Earlier(path)
        if overwrite:
            file.truncate(0)
            return file, Earlier(path, notices=notices)
        finished: dict[Id, str] = {}
        damaged: list[int] = []
        length, failed = 0, False
        for line in _lines(path, model):
            length = line.end
            if line.result is None:
                damaged.append(line.number)
            elif line.result["error"] is None:
                finished[line.result["id"]] = line.result["input"]
            else:
                failed = True
        if damaged:
            notices += (_name_damaged(path, damaged),)
        if not (failed or damaged):
            file.truncate(length)
            return file, Earlier(path, finished, notices)
        _rewrite(path, model, file)
    file.close()  # it is no longer the file at that path
    return _open_locked(path)[0], Earlier(path, finished, notices)


def _open_locked(path: Path) -> tuple[FileIO, tuple[str, ...]]:
    """The file, open for appending and locked if it is a regular one, and a notice where locks do not work."""
    while True:
        file = _open_to_append(path)
        with closed_on_failure(file):
            opened = os.fstat(file.fileno())
            if not stat.S_ISREG(opened.st_mode):
                return file, ()
            works = lock_file(file.fileno(), path)
            if path.exists() and os.path.samestat(path.stat(), opened):
                note = f"{path} lies where files cannot be locked; let no other mull write to it meanwhile."
                return file, () if works else (note,)
        file.close()  # its last writer has replaced it since it was opened


def _open_to_append(path: Path) -> FileIO:
    """Open without a wait: a named pipe without a reader raises OSError, for nothing could interrupt the wait."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
    descriptor = os.open(path, flags, 0o666)
    if hasattr(os, "O_NONBLOCK"):
        os.set_blocking(descriptor, True)
    return FileIO(descriptor, "ab")


@dataclass(frozen=True, slots=True)
class _Stored:
    """A line of the file that ends with a line break. `result` None: damaged."""

    number: int
    start: int
    end: int
    result: dict[str, Any] | None


def _lines(path: Path, model: str) -> Iterator[_Stored]:
    """The lines that are not blank, without an incomplete last one. Raises UsageError for other content."""
    other = UsageError("invalid_results", f"{path} has other content than results of a batch.", _AGAIN)
    with path.open("rb") as file:
        end, known, damaged = 0, False, False
        for number, data in enumerate(file, start=1):
            start, end = end, end + len(data)
            whole = data.endswith(b"\n")
            if not data.strip():
                continue
            known = known or data.startswith(_BEGINNING[: len(data)])
            result = _result(data)
            if result is None and not whole and (start or known):
                break  # cut short by a kill
            if result is None and (not whole or _is_json(data)):
                raise other
            if result is not None and result["model"] not in {model, ""}:
                raise UsageError(
                    "results_model_mismatch",
                    f"{path} has answers of {result['model']}, not of {model}.",
                    _AGAIN,
                )
            if not whole:
                break
            known, damaged = known or result is not None, damaged or result is None
            yield _Stored(number, start, end, result)
        if damaged and not known:
            raise other


def _result(data: bytes) -> dict[str, Any] | None:
    try:
        result = parse_json(data, lenient=True)
    except ValueError:
        return None
    keys = {"v", "id", "input", "model", "error"}
    return result if isinstance(result, dict) and keys <= result.keys() else None


def _is_json(data: bytes) -> bool:
    try:
        parse_json(data, lenient=True)
    except ValueError:
        return False
    return True


def _name_damaged(path: Path, numbers: Sequence[int]) -> str:
    aside = path.name + _DAMAGED
    if len(numbers) == 1:
        return f"Line {numbers[0]} of {path.name} is damaged; it was moved to {aside} and is asked again."
    shown = ", ".join(map(str, numbers[:_NAMED]))
    shown += f" and {len(numbers) - _NAMED} more" if len(numbers) > _NAMED else ""
    return f"Lines {shown} of {path.name} are damaged; they were moved to {aside} and are asked again."


def _rewrite(path: Path, model: str, locked: FileIO) -> None:
    """Rewrite the file atomically, without the results that are errors; move damaged lines into a file beside."""
    real = Path(os.path.realpath(path))
    with open_atomic(real, mode=None) as new, path.open("rb") as old:
        for line in _lines(path, model):
            old.seek(line.start)
            data = old.read(line.end - line.start)
            if line.result is None:
                _set_aside(path.with_name(path.name + _DAMAGED), data)
            elif line.result["error"] is None:
                new.write(data)
        old.close()
        if sys.platform == "win32":  # where an open file cannot be replaced
            locked.close()


def _set_aside(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0), PRIVATE)
    with os.fdopen(descriptor, "ab") as file:
        file.write(data)


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
