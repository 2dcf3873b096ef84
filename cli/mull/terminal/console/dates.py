"""Moments as people read them: the date and time, and how long ago that was.

In: Unix seconds. Out: text in local time, the same for everything that lists or shows a moment.
"""

from __future__ import annotations

import time
from typing import Final

_STEPS: Final = (  # up to how many seconds ago, the length of a unit in seconds, its name
    (90 * 60, 60, "min"),
    (36 * 3600, 3600, "h"),
    (14 * 86_400, 86_400, "days"),
    (60 * 86_400, 7 * 86_400, "weeks"),
    (2 * 365 * 86_400, 30.44 * 86_400, "months"),
)
_YEAR = 365.25 * 86_400


def moment_text(seconds: float) -> str:
    """`2026-11-28 14:03`."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))


def ago(seconds: float, now: float | None = None) -> str:
    """`just now`, `5 min ago`, `3 h ago`, `4 days ago`, `3 weeks ago`, `5 months ago`, `2 years ago`.

    A moment of the future, which another machine's clock may have written, is its date.
    """
    past = (time.time() if now is None else now) - seconds
    if past < -60:
        return moment_text(seconds)
    if past < 60:
        return "just now"
    for limit, unit, name in _STEPS:
        if past < limit:
            return f"{round(past / unit)} {name} ago"
    return f"{round(past / _YEAR)} years ago"


def both(seconds: float) -> str:
    """`2026-11-28 14:03 (4 days ago)`."""
    then = moment_text(seconds)
    return then if (since := ago(seconds)) == then else f"{then} ({since})"
