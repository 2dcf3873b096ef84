"""Checks of a reply's form: quotation marks, lines, sections, acrostics, JSON.

In: the text of a reply, and a rule's value. Out: whether the rule holds.
"""

from __future__ import annotations

import re
from typing import Any

from mull.evaluation.judges.counting import bullets, lines, numbered, words
from mull.evaluation.judges.json_reply import json_of
from mull.evaluation.judges.plain import folded

_QUOTES = ('""', "“”", "„“", "„”", "«»", "「」")


def comma_items(text: str) -> list[str]:
    """The items of a text between its commas, and before a last "and"."""
    return [
        item for item in re.split(r"[,，]\s*(?:and\s)?|\sand\s", text.strip().rstrip(".")) if item.strip()
    ]


def words_per_line(text: str, count: int) -> bool:
    """Whether each line has exactly `count` words."""
    return all(len(words(line)) == count for line in lines(text))


def words_per_line_at_most(text: str, count: int) -> bool:
    """Whether no line has more than `count` words."""
    return all(len(words(line)) <= count for line in lines(text))


def words_per_bullet_at_most(text: str, count: int) -> bool:
    """Whether no point of a list has more than `count` words."""
    return all(len(words(point)) <= count for point in bullets(text))


def words_per_item_at_most(text: str, count: int) -> bool:
    """Whether no numbered item has more than `count` words."""
    return all(len(words(item)) <= count for item in numbered(text))


def quoted(text: str, _: Any) -> bool:
    """Whether one pair of double quotation marks, of any language, encloses the text."""
    text = text.strip()
    return len(text) > 2 and text[0] + text[-1] in _QUOTES


def postscript(text: str, marker: str) -> bool:
    """Whether a line that is not the first starts with the marker, and has more than it, or a line follows."""
    found = [line.strip("*_ ") for line in lines(text)]
    starts = [number for number, line in enumerate(found) if folded(line).startswith(folded(marker))]
    if not starts or starts[-1] == 0:
        return False
    return bool(words(found[starts[-1]][len(marker) :])) or starts[-1] < len(found) - 1


def sorted_lines(text: str, _: Any) -> bool:
    """Whether the lines are in alphabetical order, without regard to case."""
    found = [folded(line) for line in lines(text)]
    return found == sorted(found)


def acrostic(text: str, word: str) -> bool:
    """Whether the first letters of the lines spell the word."""
    found = [re.sub(r"^[\W_]+", "", line) for line in lines(text)]
    return folded("".join(line[:1] for line in found)) == folded(word)


def parts(text: str, value: Any) -> bool:
    """Parts that are not empty nor repeated, between lines that are the separator alone."""
    found: list[list[str]] = [[]]
    for line in text.splitlines():
        if line.strip() == value["separator"].strip():
            found.append([])
        else:
            found[-1].append(line.strip())
    texts = [folded(" ".join(part)).strip() for part in found]
    return len(texts) == value["count"] == len(set(texts)) and all(texts)


def sections(text: str, value: Any) -> bool:
    """Headings with the numbers 1, 2, … in their order, each with text below it."""
    heading = re.compile(rf"[\W_]*{re.escape(value['heading'])}[ \t]+(\d{{1,4}})\b[^\w\n]*(.*)")
    numbers: list[int] = []
    filled: list[bool] = []
    for line in lines(text):
        if match := heading.match(line):
            numbers.append(int(match[1]))
            filled.append(bool(words(match[2])))
        elif filled:
            filled[-1] = True
    return numbers == list(range(1, value["count"] + 1)) and all(filled)


def is_json(text: str, _: Any) -> bool:
    """Whether the text is JSON."""
    return _value(text) is not None


def json_keys(text: str, keys: list[str]) -> bool:
    """Whether it is an object with exactly these keys."""
    found = _value(text)
    return found is not None and isinstance(found[0], dict) and found[0].keys() == set(keys)


def json_items(text: str, count: int) -> bool:
    """Whether it is a list with this number of items."""
    found = _value(text)
    return found is not None and isinstance(found[0], list) and len(found[0]) == count


def _value(text: str) -> tuple[Any] | None:
    """The JSON of a reply that is nothing else, but for the fence of a code block round it."""
    try:
        return (json_of(text, around=False),)
    except ValueError:
        return None
