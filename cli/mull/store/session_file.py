"""Read an exported session, which may come from anybody, and check it before any of it is used.

In: the text of a file. Out: its values, valid by docs/session.schema.json, with turns that refer to each other only.
Raises MullError (invalid_session_file) with the place of the first fault. Size, depth and number of values are limited
before the text is parsed.
"""

from __future__ import annotations

import itertools
import json
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mull.errors import MullError
from mull.fs.json_text import read_json, valid_unicode
from mull.store.fast_schema import compiled

LONGEST = 64 << 20  # characters
DEEPEST = 100  # levels; an export has five, and what its settings contain
MOST_VALUES = 2_000_000  # a turn has about thirty
LARGEST = (1 << 63) - 1  # of SQLite's integers
_MOST_DIGITS = len(str(LARGEST)) + 1
_SHOWN = 160  # characters of a reason

_SURROGATES = re.compile("[\ud800-\udfff]")
# A string as a whole, or a character that opens, closes or separates. Linear also for a string without an end.
_STRUCTURE = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)|[\[\]{},]', re.DOTALL)


def parse(text: str) -> dict[str, Any]:
    """The values of the file. Raises MullError."""
    if len(text) > LONGEST:
        raise too_large()
    fault = structure_fault(text)
    if fault:
        raise invalid(fault)
    numbers = _Numbers()
    try:
        data = json.loads(
            text, parse_int=numbers.integer, parse_float=numbers.number, parse_constant=numbers.number
        )
    except (ValueError, RecursionError) as error:
        raise invalid(f"it is not valid JSON ({error})" if text.strip() else "it is empty") from error
    if _SURROGATES.search(text) or "\\ud" in text or "\\uD" in text:
        data = valid_unicode(data)
    for fault in itertools.chain(_number_faults(data) if numbers.wrong else (), _faults(data)):
        raise invalid(fault)
    checked: dict[str, Any] = data
    return checked


def invalid(reason: str) -> MullError:
    """The error for a file that is not an export."""
    return MullError(
        "invalid_session_file",
        f"This is not an exported session: {reason}.",
        "mull sessions export --format json writes one.",
    )


def too_large() -> MullError:
    """The error for a file over the limit."""
    return invalid(f"it is larger than {LONGEST >> 20} MiB")


def schema_path() -> Path:
    """The schema inside the installed package, or in docs/ of a checkout."""
    package = Path(__file__).parents[1]
    inside = package / "session.schema.json"
    return inside if inside.is_file() else package.parents[1] / "docs" / "session.schema.json"


def structure_fault(text: str) -> str:
    """Why the text is not parsed, although it might be JSON; empty if it may be."""
    depth = values = 0
    for match in _STRUCTURE.finditer(text):
        first = text[match.start()]
        if first in "[{":
            depth += 1
            if depth > DEEPEST:
                return f"it is nested more than {DEEPEST} levels deep"
        elif first in "]}":
            depth -= 1
        else:  # a comma, or a string: as good as a value
            values += 1
            if values > MOST_VALUES:
                return f"it has more than {MOST_VALUES:,} values"
    return ""


def _faults(data: Any) -> Iterator[str]:
    version = data.get("v") if isinstance(data, Mapping) else None
    if isinstance(version, int) and version > 1:
        yield f"it has version {version} of the format, which needs a newer mull"
    schema = read_json(schema_path(), most=LONGEST)
    if not compiled(schema)(data):
        yield from _schema_faults(schema, data)
    yield from _reference_faults(data["session"], data["turns"])


def _schema_faults(schema: Mapping[str, Any], data: Any) -> Iterator[str]:
    import jsonschema

    base = jsonschema.Draft202012Validator
    kinds = base.TYPE_CHECKER.redefine("integer", lambda _checker, value: type(value) is int)
    strict: Any = jsonschema.validators.extend(base, type_checker=kinds)  # type: ignore[no-untyped-call]
    for error in strict(schema).iter_errors(data):
        reason = " ".join(error.message.split())
        reason = reason if len(reason) <= _SHOWN else f"{reason[: _SHOWN - 1]}…"
        yield _placed(reason, *error.absolute_path)


def _reference_faults(session: Mapping[str, Any], turns: list[Mapping[str, Any]]) -> Iterator[str]:
    """Turns that do not refer to other turns of the file in the right order."""
    ids: set[int] = set()
    for number, turn in enumerate(turns):
        if turn["id"] in ids:
            yield _placed(f"the id {turn['id']} appears twice", "turns", number, "id")
        ids.add(turn["id"])
    for number, turn in enumerate(turns):
        parent = turn["parent"]
        if parent is not None and not (parent in ids and parent < turn["id"]):
            yield _placed(f"{parent} is no earlier turn", "turns", number, "parent")
    if session["leaf"] is not None and session["leaf"] not in ids:
        yield _placed(f"{session['leaf']} is no turn", "session", "leaf")


def _placed(reason: str, *steps: str | int) -> str:
    place = "".join(f"/{step}" for step in steps)
    return f"{reason} (at {place})" if place else reason


class _Numbers:
    """Numbers that are too large, or none (NaN and Infinity, which Python's parser takes for some), become NaN."""

    def __init__(self) -> None:
        self.wrong = False

    def integer(self, digits: str) -> float:
        fits = len(digits) <= _MOST_DIGITS and abs(int(digits)) <= LARGEST
        return int(digits) if fits else self._none()

    def number(self, digits: str) -> float:
        return value if math.isfinite(value := float(digits)) else self._none()

    def _none(self) -> float:
        self.wrong = True
        return math.nan


def _number_faults(value: Any, *steps: str | int) -> Iterator[str]:
    """Where a number is that is too large, or none: a schema cannot exclude those."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield from _number_faults(each, *steps, name)
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from _number_faults(each, *steps, number)
    elif isinstance(value, float) and math.isnan(value):
        yield _placed("the number is out of range", *steps)
