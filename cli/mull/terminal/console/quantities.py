"""Durations and counts in words, for everything that is shown."""

from __future__ import annotations


def duration(seconds: float, digits: int = 1) -> str:
    """`4.2 s`, `1 min 12 s`, `1 h 3 min`; `digits` after the point, below a minute."""
    if round(seconds, digits) < 60:
        return f"{seconds:.{digits}f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def counted(number: int, noun: str) -> str:
    """`1 line`, `1,312 lines`, `0 lines`; the noun is given in the singular and takes an s."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def token_count(tokens: int) -> str:
    """`1 token`, `1,312 tokens`."""
    return counted(tokens, "token")
