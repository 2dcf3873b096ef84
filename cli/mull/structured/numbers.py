"""Whole numbers within bounds, as a grammar.

In: the least and the greatest number, either of them open. Out: a GBNF expression that matches exactly the decimal
spellings of the numbers between them, without leading zeros and without "-0". An open side ends at 16 digits, or at
one digit more than the other side has: beyond, a model only runs away.
"""

from __future__ import annotations

from collections.abc import Iterator

_DIGITS = 16


def whole(least: int | None, greatest: int | None) -> str:
    """Raises ValueError where there is no number between the bounds."""
    edge: int = 10 ** max(_DIGITS, *(len(str(abs(bound))) + 1 for bound in (least or 0, greatest or 0))) - 1
    low = -edge if least is None else least
    high = edge if greatest is None else greatest
    if low > high:
        raise ValueError(f"no whole number from {least} to {greatest}")
    choices = []
    if low < 0:
        negative = " | ".join(_spans(max(1, -high), -low))
        choices.append(f'"-" ({negative})')
    if high >= 0:
        choices += _spans(max(0, low), high)
    return " | ".join(choices)


def _spans(low: int, high: int) -> Iterator[str]:
    """Patterns of digits that together cover low to high, both at least 0."""
    start = low
    while start <= high:
        end = start
        step = 10  # the widest block of numbers that begins here and has its last digits free
        while (
            start % step == 0 and start + step - 1 <= high and len(str(start)) == len(str(start + step - 1))
        ):
            end = start + step - 1
            step *= 10
        size = step // 10  # then as many such blocks as fit before the next digit turns over
        while (end + 1) // size % 10 and end + size <= high and len(str(end + size)) == len(str(start)):
            end += size
        yield _pattern(str(start), str(end))
        start = end + 1


def _pattern(first: str, last: str) -> str:
    parts: list[str] = []
    free = 0
    for a, b in zip(first, last, strict=True):
        if (a, b) == ("0", "9"):
            free += 1
        else:
            parts.append(f'"{a}"' if a == b else f"[{a}-{b}]")
    if free:
        parts.append("[0-9]" if free == 1 else f"[0-9]{{{free}}}")
    return " ".join(parts)
