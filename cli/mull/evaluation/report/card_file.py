"""Read a card back: the fenced JSON of the Markdown that `card.py` writes.

In: a path. Out: a `Card`. Raises MullError: file_unreadable, invalid_card for what is no card or a broken one,
card_version for one of another version.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mull.dataclass import dataclass
from mull.errors import MullError
from mull.evaluation.records import RunRecord, run_of
from mull.evaluation.report.card import FAILED, FORMAT, RIGHT, UNCLEAR, VERSION, WRONG
from mull.fs.json_text import parse_json
from mull.fs.text import read_utf8, reason

_LONGEST = 16 << 20  # bytes of a card
_HINT = "mull show --card FILE.md writes a card of the last evaluation."
_FENCE = re.compile(r"^```json\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_KNOWN = frozenset({RIGHT, WRONG, UNCLEAR, FAILED, " "})

Verdicts = Mapping[tuple[str, str], Mapping[tuple[str, str], str]]


@dataclass(frozen=True, slots=True)
class Card:
    """`verdicts`: for each model and mode, and of these for each suite and question, a character for each repeat."""

    run: RunRecord
    verdicts: Verdicts


def read_card(path: Path) -> Card:
    """The card."""
    try:
        text = read_utf8(path, most=_LONGEST)
    except (OSError, UnicodeDecodeError) as error:
        raise MullError(
            "file_unreadable", f"{path} cannot be read: {reason(error)}.", "Check the path."
        ) from error
    value = _block(text.replace("\r\n", "\n"), path)
    version = value.get("v")
    if isinstance(version, int) and version != VERSION:
        raise MullError(
            "card_version",
            f"{path} is a card of another version of mull (format {version}; this one reads {VERSION}).",
            "Repeat it with the version of mull that the card names.",
        )
    try:
        if version != VERSION:
            raise ValueError(version)
        return Card(run_of(value.get("run")), _verdicts(value))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise _invalid(path, "its data are broken") from error


def _block(text: str, path: Path) -> dict[str, Any]:
    if text.lstrip()[:9].lower() == "<!doctype":
        raise _invalid(path, "it is a page; the card is needed as Markdown")
    for found in _FENCE.finditer(text):
        if FORMAT not in found[1][:200]:
            continue
        try:
            value = parse_json(found[1])
        except ValueError as error:
            raise _invalid(path, "its JSON is broken") from error
        if isinstance(value, dict) and value.get("format") == FORMAT:
            return value
    raise _invalid(path, "it has no block of JSON that mull wrote")


def _invalid(path: Path, why: str) -> MullError:
    return MullError("invalid_card", f"{path} is not a card of mull: {why}.", _HINT)


def _verdicts(value: Mapping[str, Any]) -> Verdicts:
    found: dict[tuple[str, str], Mapping[tuple[str, str], str]] = {}
    for row in value["verdicts"]:
        items: dict[tuple[str, str], str] = {}
        for suite, texts in row["suites"].items():
            ids = value["questions"][suite]
            if any(len(text) != len(ids) or not _KNOWN.issuperset(text) for text in texts):
                raise ValueError(suite)
            items |= {
                (suite, str(name)): signs
                for number, name in enumerate(ids)
                if (signs := "".join(text[number] for text in texts).strip())
            }
        found[str(row["model"]), str(row["mode"])] = items
    if not found:
        raise ValueError("no verdicts")
    return found
