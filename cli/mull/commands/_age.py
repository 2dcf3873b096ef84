"""Ages as they are typed: `90d`, `12 weeks`, `6 months`, `2y`, or a date. Raises UsageError (invalid_age).

In: the text, and the time now in Unix seconds. Out: the moment that long ago, in Unix seconds. Months and years are
those of the calendar.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable
from datetime import datetime, timedelta

from mull.errors import UsageError

METAVAR = "AGE"
_HINT = "Give a time such as 90d, 12w, 6mo or 2y, or a date such as 2026-01-31."
_AGE = re.compile(r"([0-9]{1,9}) ?([a-z]+)", re.ASCII)


def _months(number: int) -> Callable[[datetime], datetime]:
    def back(now: datetime) -> datetime:
        year, month = divmod(now.year * 12 + now.month - 1 - number, 12)
        if year < 1:
            raise OverflowError
        return now.replace(
            year=year, month=month + 1, day=min(now.day, calendar.monthrange(year, month + 1)[1])
        )

    return back


def _seconds(number: int) -> Callable[[datetime], datetime]:
    return lambda now: now - timedelta(seconds=number)


_UNITS: dict[str, tuple[Callable[[int], Callable[[datetime], datetime]], int]] = {
    **dict.fromkeys(("s", "sec", "second", "seconds"), (_seconds, 1)),
    **dict.fromkeys(("min", "minute", "minutes"), (_seconds, 60)),
    **dict.fromkeys(("h", "hour", "hours"), (_seconds, 3600)),
    **dict.fromkeys(("d", "day", "days"), (_seconds, 86_400)),
    **dict.fromkeys(("w", "week", "weeks"), (_seconds, 604_800)),
    **dict.fromkeys(("mo", "month", "months"), (_months, 1)),
    **dict.fromkeys(("y", "yr", "year", "years"), (_months, 12)),
}


def moment_before(text: str, now: float) -> float:
    """The moment that this age, or this date, names. It lies in the past."""
    said = text.strip().lower()
    try:
        found = _date(said) or _ago(said, datetime.fromtimestamp(now))
        seconds = found.timestamp()
    except (OverflowError, ValueError, OSError) as error:
        raise _invalid(text, "is further back than a calendar goes") from error
    if seconds >= now:
        raise _invalid(text, "is not in the past")
    return seconds


def _date(said: str) -> datetime | None:
    """A date, or a date with a time, in ISO 8601; None for another text."""
    if said.count("-") < 2 or said.startswith("-"):
        return None
    try:
        return datetime.fromisoformat(said.upper())
    except ValueError:
        return None


def _ago(said: str, now: datetime) -> datetime:
    found = _AGE.fullmatch(said)
    if found is None:
        raise _invalid(said, "is not an age")
    number, unit = int(found[1]), found[2]
    if unit == "m":
        raise _invalid(said, "may mean minutes or months", f"Write {number}min or {number}mo.")
    if unit not in _UNITS:
        raise _invalid(said, f'has no unit of time: "{unit}" is none')
    if number == 0:
        raise _invalid(said, "is not in the past")
    back, size = _UNITS[unit]
    return back(number * size)(now)


def _invalid(text: str, why: str, hint: str = _HINT) -> UsageError:
    return UsageError("invalid_age", f'"{text}" {why}.', hint)
