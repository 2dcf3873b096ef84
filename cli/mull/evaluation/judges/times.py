"""Dates and times of day in one form each, so that two spellings of the same one are the same text.

In: plain text. Out: the text, with dates as 2024-03-05 and times as 14:05 (those of "am" and "pm" too).
"""

from __future__ import annotations

import re

_MONTHS = (
    *("january", "february", "march", "april", "may", "june", "july"),
    *("august", "september", "october", "november", "december"),
)
_NAME = "|".join(rf"{month[:3]}(?:{month[3:]}|\.)?" if month != "may" else "may" for month in _MONTHS)
_DAY_FIRST = re.compile(rf"\b(\d{{1,2}})(?:st|nd|rd|th|\.)?(?: of)? ({_NAME}),? (\d{{4}})\b", re.IGNORECASE)
_MONTH_FIRST = re.compile(rf"\b({_NAME}) (\d{{1,2}})(?:st|nd|rd|th)?,? (\d{{4}})\b", re.IGNORECASE)
_DOTTED = re.compile(r"\b(\d{1,2})\.(\d{1,2})\.(\d{4})\b")
_TIME = re.compile(r"\b([01]?\d|2[0-4])[:.]([0-5]\d)(?::[0-5]\d)?(?: ?([ap])\.?m\b\.?)?", re.IGNORECASE)
_HOUR = re.compile(r"\b(1[0-2]|0?[1-9]) ?([ap])\.?m\b\.?", re.IGNORECASE)

TIME = re.compile(r"(?:[01]?\d|2[0-4]):[0-5]\d(?: ?[ap]m)?")
"""An expected answer that is a time of day."""
DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
"""An expected answer that is a date."""


def with_iso_dates(text: str) -> str:
    """5 March 2024, March 5th, 2024 and 5.3.2024 become 2024-03-05. 3/4/2024 stays: it can be read in two ways."""
    text = _DAY_FIRST.sub(lambda found: _iso(found[3], _month(found[2]), found[1]), text)
    text = _MONTH_FIRST.sub(lambda found: _iso(found[3], _month(found[1]), found[2]), text)
    return _DOTTED.sub(lambda found: _iso(found[3], int(found[2]), found[1]), text)


def _month(name: str) -> int:
    return next(number for number, month in enumerate(_MONTHS, 1) if month.startswith(name[:3].casefold()))


def _iso(year: str, month: int, day: str) -> str:
    return f"{year}-{month:02}-{int(day):02}"


def times(text: str) -> list[tuple[str, bool]]:
    """The times of day in a text, as 14:05, and whether "am" or "pm" stands behind them."""
    found = [
        (one.start(), _clock(one[1], one[2], one[3] or ""), bool(one[3])) for one in _TIME.finditer(text)
    ]
    rest = _TIME.sub(_blank, text)
    found += [(one.start(), _clock(one[1], "00", one[2]), True) for one in _HOUR.finditer(rest)]
    return [(time, named) for _, time, named in sorted(found)]


def _blank(found: re.Match[str]) -> str:
    return " " * len(found[0])


def _clock(hour: str, minute: str, half: str) -> str:
    number = int(hour)
    if half:
        number = number % 12 + (12 if half in "pP" else 0)
    return f"{number:02}:{minute}"


def same_time(found: tuple[str, bool], wanted: str) -> bool:
    """`wanted` may name its half of the day; then a time that names none is understood as that half."""
    ((time, names_half),) = times(wanted)
    if found[0] == time:
        return True
    hour = int(time[:2])
    return names_half and not found[1] and hour > 12 and found[0] == f"{hour - 12:02}{time[2:]}"
