"""The suites: named files of questions in the package, each with a digest of its content.

In: a name, a list of names, or a user's file. Out: `Suite` values. An unknown name is a UsageError (unknown_suite).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from mull.dataclass import dataclass
from mull.errors import UsageError
from mull.evaluation.questions import BUILT_IN, EvalQuestion, parse_questions, read_text
from mull.suggest import did_you_mean, nearest

FOLDER = Path(__file__).parents[1] / "data" / "suites"
FORTY = "forty"
"""What the questions of `BUILT_IN` are called in records: those that are asked without a suite or a file."""
ALL = "all"

_ORDER = (
    *("arithmetic", "words", "logic", "reading", "instructions", "extraction", "code", "knowledge"),
    "safety",
)


@dataclass(frozen=True, slots=True)
class Suite:
    """Questions that belong together. `digest`: the SHA-256 of their file; `path`: of a user's file, else None."""

    name: str
    digest: str
    questions: Sequence[EvalQuestion]
    path: Path | None = None


def names() -> tuple[str, ...]:
    """The suites of the package, in the order in which they are asked."""
    found = {path.stem for path in FOLDER.glob("*.jsonl")}
    return (*(name for name in _ORDER if name in found), *sorted(found.difference(_ORDER)))


def chosen(text: str) -> tuple[str, ...]:
    """The names of a comma-separated list, each once; `all` is every suite. Raises UsageError (unknown_suite)."""
    known = names()
    found: list[str] = []
    for word in map(str.strip, text.split(",")):
        if word not in {*known, ALL}:
            hint = did_you_mean(nearest(word, (*known, ALL)), f"There are {', '.join(known)}, and {ALL}.")
            raise UsageError("unknown_suite", f'There is no suite "{word}".', hint)
        found += known if word == ALL else [word]
    return tuple(dict.fromkeys(found))


def read_suite(name: str) -> Suite:
    """A suite of the package, `FORTY` too. Raises UsageError (unknown_suite)."""
    if name == FORTY:
        return _suite(name, BUILT_IN)
    (known,) = chosen(name)
    return _suite(known, FOLDER / f"{known}.jsonl")


def read_file(path: Path) -> Suite:
    """The questions of a user's file, as a suite that has its name. Raises MullError."""
    return _suite(path.name, path, own=True)


def _suite(name: str, path: Path, *, own: bool = False) -> Suite:
    text = read_text(path)
    digest = hashlib.sha256(text.encode()).hexdigest()
    return Suite(name, digest, parse_questions(text, str(path)), path.absolute() if own else None)
