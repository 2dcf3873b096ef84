"""What a run of `mull eval` leaves on disk: `run.json` says what was asked of whom, `answers.jsonl` has each answer.

In: `RunRecord` and `AnswerRecord` values, a folder. Out: the same values, read back. An answer is appended and flushed
when it ends, so that an interrupted run has what it finished. Raises MullError (eval_run_unreadable,
eval_run_version, write_failed, file_in_use).
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, field, fields, replace
from io import FileIO
from pathlib import Path
from typing import Any, TypeVar

from mull.dataclass import dataclass
from mull.errors import MullError
from mull.fs import paths
from mull.fs.atomic import write_atomic
from mull.fs.cleanup import closed_on_failure
from mull.fs.json_text import parse_json
from mull.fs.lock import FileInUse, lock_file
from mull.fs.text import read_bytes, reason

VERSION = 1
RUN, ANSWERS = "run.json", "answers.jsonl"

_LONGEST = 1 << 30  # bytes of the answers of a run
_LETTERS = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32
_AGAIN = "Start the evaluation again, without --resume."

RecordT = TypeVar("RecordT", "RunRecord", "ModelRecord", "AnswerRecord")


@dataclass(frozen=True, slots=True)
class ModelRecord:
    """A model of a run. `name`: for people; `reference`: what `-m` takes; `identity`: as sessions record it.

    `context`: the size of its context in tokens; `thinks`: whether it can think. None where that is unknown.
    """

    name: str
    reference: str
    identity: Mapping[str, Any] = field(default_factory=dict)
    context: int | None = None
    license: str | None = None
    base_model: str | None = None
    thinks: bool | None = None


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run. `started`: Unix seconds. `suites`: the digest of each suite; `file`: the path of a user's own questions.

    `settings`: what applied to every turn (sampling, max_tokens, system, …), as JSON values. `limit`: the most
    questions of each suite; None: all.
    """

    id: str
    started: float
    command: Sequence[str]
    suites: Mapping[str, str]
    modes: Sequence[str]
    repeats: int
    seed: int
    limit: int | None
    parallel: int | None
    settings: Mapping[str, Any]
    models: Sequence[ModelRecord]
    machine: Mapping[str, Any]
    versions: Mapping[str, Any]
    file: str | None = None
    v: int = VERSION


@dataclass(frozen=True, slots=True)
class AnswerRecord:
    """One answer. `mode` is what was asked, `applied` what the model did; `repeat` counts from 0.

    `replies`: the answers to all turns, where the question has several. `right` None: unclear, or, with an `error`
    (its code), not answered. `seconds`: from the beginning of the turn to its end, while others ran; `share`: the
    part of the run's time that it took, which adds up.
    """

    suite: str
    id: str
    model: str
    mode: str
    repeat: int
    applied: str
    answer: str
    thinking: str
    replies: Sequence[str]
    right: bool | None
    reason: str
    label: str
    finish: str
    error: str | None
    prompt_tokens: int
    thinking_tokens: int
    answer_tokens: int
    seconds: float
    seed: int
    share: float = 0.0

    @property
    def key(self) -> tuple[str, str, str, str, int]:
        """What is asked once in a run: model, mode, suite, question, repeat."""
        return self.model, self.mode, self.suite, self.id, self.repeat


def new_id() -> str:
    """An identifier that sorts by time: `2026-11-30-0603-k3f9`."""
    letters = "".join(_LETTERS[byte % 32] for byte in os.urandom(4))
    return f"{time.strftime('%Y-%m-%d-%H%M')}-{letters}"


def folder_of_runs() -> Path:
    """Where the runs are that were given no folder."""
    return paths.state_dir() / "evals"


def write_run(folder: Path, run: RunRecord, *, begun: bool = False) -> None:
    """Create the folder, if it is missing, and write the run's description. Raises what `write_failed` makes."""
    try:
        paths.private_dir(folder)
        text = json.dumps(asdict(run), ensure_ascii=False, indent=1) + "\n"
        write_atomic(folder / RUN, text.encode("utf-8", "backslashreplace"))
    except (OSError, ValueError) as failure:  # ValueError: a NUL in the path
        raise write_failed(folder, failure, begun=begun) from failure


def open_answers(folder: Path) -> FileIO:
    """The answers of a run, locked, to append to; a last line that was cut is removed. Raises MullError.

    Another process that writes them is an error (file_in_use).
    """
    path = folder / ANSWERS
    try:
        file = FileIO(os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600), "r+b")
    except OSError as failure:
        raise write_failed(folder, failure) from failure
    try:
        with closed_on_failure(file):
            lock_file(file.fileno(), path)
            end = file.seek(0, os.SEEK_END)
            while end and _byte_before(file, end) != b"\n":
                end -= 1
            file.truncate(end)
            file.seek(end)
    except FileInUse as failure:
        raise MullError("file_in_use", f"{failure.strerror}.", "Wait until that run has ended.") from failure
    return file


def _byte_before(file: FileIO, end: int) -> bytes:
    file.seek(end - 1)
    return file.read(1)


def append(file: FileIO, answer: AnswerRecord) -> None:
    """Append one line, in one write. Raises OSError."""
    left = memoryview(_line(answer))
    while left:
        left = left[file.write(left) :]


def _line(answer: AnswerRecord) -> bytes:
    return json.dumps(asdict(answer), ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"


def write_failed(folder: Path, failure: Exception, *, begun: bool = False) -> MullError:
    """The error for a run's folder that cannot be written. `begun`: it has answers."""
    why = getattr(failure, "strerror", None) or failure
    resume = f"Free some space; mull eval --resume {folder} then asks what is missing."
    hint = resume if begun else "Give another folder with --out, or free some space."
    return MullError("write_failed", f"{folder} cannot be written: {why}.", hint)


def read(folder: Path) -> tuple[RunRecord, list[AnswerRecord]]:
    """A run and its answers, in the order they ended; of a question that was asked again after a failure, the last.

    A last line that was cut is left out.
    """
    run = _run(_read(folder / RUN), folder / RUN)
    path = folder / ANSWERS
    if not path.exists():  # it was interrupted before its first answer
        return run, []
    lines = _read(path).split(b"\n")
    answers: dict[tuple[str, str, str, str, int], AnswerRecord] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            answer = _record(AnswerRecord, parse_json(line, lenient=True))
        except ValueError as error:
            if number == len(lines):  # no line end: it was cut while it was written
                break
            raise _unreadable(path, f"line {number} is not an answer") from error
        answers.pop(answer.key, None)
        answers[answer.key] = answer
    return run, list(answers.values())


def _read(path: Path) -> bytes:
    try:
        return read_bytes(path, most=_LONGEST)
    except OSError as error:
        raise _unreadable(path, reason(error)) from error


def _run(data: bytes, path: Path) -> RunRecord:
    try:
        value = parse_json(data, lenient=True)  # a path may hold bytes that are not UTF-8
    except ValueError as error:
        raise _unreadable(path, "it is not JSON") from error
    version = value.get("v") if isinstance(value, dict) else None
    if isinstance(version, int) and version != VERSION:
        raise MullError(
            "eval_run_version",
            f"{path} was written by another version of mull (format {version}; this one reads {VERSION}).",
            _AGAIN,
        )
    try:
        return run_of(value)
    except ValueError as error:
        raise _unreadable(path, str(error)) from error


def run_of(value: Any) -> RunRecord:
    """A run from its JSON value. Raises ValueError."""
    run = _record(RunRecord, value)
    return replace(run, models=[_record(ModelRecord, model) for model in run.models])


def _unreadable(path: Path, why: str) -> MullError:
    return MullError("eval_run_unreadable", f"{path} cannot be read: {why}.", _AGAIN)


# From JSON to a record: every field there, each of its type. Fields that a later version adds are ignored.

_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "str": str,
    "int": int,
    "float": (int, float),
    "bool": bool,
    "None": type(None),
    "Sequence": list,
    "Mapping": dict,
}


def _record(kind: type[RecordT], value: Any) -> RecordT:
    if not isinstance(value, dict):
        raise ValueError("it is not an object")  # noqa: TRY004 - of the file, not of the caller
    given = {one.name: value[one.name] for one in fields(kind) if one.name in value}
    for one in fields(kind):
        if one.name in given and not _fits(given[one.name], str(one.type)):
            raise ValueError(f"its {one.name} is not valid")
    try:
        return kind(**given)
    except TypeError:  # a field is missing
        raise ValueError("a field is missing") from None


def _fits(value: Any, annotation: str) -> bool:
    names = [part.split("[")[0].strip() for part in annotation.split(" | ")]
    if isinstance(value, bool):
        return "bool" in names
    return any(isinstance(value, _TYPES[name]) for name in names)
