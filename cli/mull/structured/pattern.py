"""A JSON Schema's `pattern` as a grammar, and bounded whole numbers as patterns of digits.

In: a regular expression, and a function that makes a rule for a repeated part. Out: GBNF for the inside of a JSON
string that contains a match, as JSON Schema requires, or `UnsupportedPattern` naming what a grammar cannot express:
look-around, back references, word boundaries, anchors in the middle. Python's parser reads the expression.
"""

from __future__ import annotations

import re
import re._constants as code  # type: ignore[import-not-found]  # private, but the only parser there is
import re._parser as parser  # type: ignore[import-not-found]
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from mull.structured.text import Ranges, character, complement, one_of

Repeat = Callable[[str, int, int | None], str]  # an expression, least and most times → an expression

_DIGIT: Ranges = ((48, 57),)
_WORD: Ranges = ((48, 57), (65, 90), (95, 95), (97, 122))
_SPACE: Ranges = ((9, 13), (32, 32), (0xA0, 0xA0), (0x2028, 0x2029), (0xFEFF, 0xFEFF))
_LINE_ENDS: Ranges = ((10, 10), (13, 13), (0x2028, 0x2029))
_CLASSES = {
    code.CATEGORY_DIGIT: _DIGIT,
    code.CATEGORY_WORD: _WORD,
    code.CATEGORY_SPACE: _SPACE,
    code.CATEGORY_NOT_DIGIT: complement(_DIGIT),
    code.CATEGORY_NOT_WORD: complement(_WORD),
    code.CATEGORY_NOT_SPACE: complement(_SPACE),
}
_NAMES = {
    code.ASSERT: "a look-ahead",
    code.ASSERT_NOT: "a negative look-ahead",
    code.GROUPREF: "a reference to a group",
    code.GROUPREF_EXISTS: "a condition",
    code.AT: "an anchor in its middle",
}


class UnsupportedPattern(Exception):
    """The expression uses something that a grammar cannot express; the message names it."""


def pattern(expression: str, repeat: Repeat) -> str:
    """GBNF for the characters between the quotes. Raises UnsupportedPattern."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = parser.parse(expression)
    except (re.error, RecursionError, OverflowError) as wrong:
        raise UnsupportedPattern(f"an invalid regular expression ({wrong})") from wrong
    if tree.state.flags & ~re.UNICODE:
        raise UnsupportedPattern("flags")
    return f"({' | '.join(_anchored(items, repeat) for items in _alternatives(list(tree)))})"


def _alternatives(items: list[Any]) -> list[list[Any]]:
    """The expression's alternatives, expanded at both ends, where each may have its own anchors."""
    for place in {0, len(items) - 1} if items else ():
        kind, value = items[place]
        before, after = items[:place], items[place + 1 :]
        if kind is code.BRANCH:
            return [found for branch in value[1] for found in _alternatives([*before, *branch, *after])]
        if kind is code.SUBPATTERN and not (value[1] or value[2]):
            return _alternatives([*before, *value[3], *after])
    return [items]


def _anchored(items: list[Any], repeat: Repeat) -> str:
    """One alternative: where it is not anchored, any characters may precede or follow."""
    starts = bool(items) and items[0] == (code.AT, code.AT_BEGINNING)
    ends = len(items) > starts and items[-1] == (code.AT, code.AT_END)
    inside = items[int(starts) : len(items) - int(ends)]
    parts = [] if starts else ["char*"]
    parts.append(_sequence(inside, repeat))
    parts += [] if ends else ["char*"]
    return " ".join(part for part in parts if part) or '""'


def _sequence(items: Any, repeat: Repeat) -> str:
    return " ".join(filter(None, (_item(kind, value, repeat) for kind, value in items)))


def _item(kind: Any, value: Any, repeat: Repeat) -> str:
    if kind is code.LITERAL:
        return character(value)
    if kind in (code.NOT_LITERAL, code.ANY, code.IN):
        return _some(
            _class(value)
            if kind is code.IN
            else complement(_LINE_ENDS if kind is code.ANY else [(value, value)])
        )
    if kind is code.BRANCH:
        return f"({' | '.join(_sequence(branch, repeat) or _EMPTY for branch in value[1])})"
    if kind is code.SUBPATTERN:
        _, added, dropped, inside = value
        if added or dropped:
            raise UnsupportedPattern("flags")
        return f"({_sequence(inside, repeat) or _EMPTY})"
    if kind in (code.MAX_REPEAT, code.MIN_REPEAT, code.POSSESSIVE_REPEAT):
        if kind is code.POSSESSIVE_REPEAT:
            raise UnsupportedPattern("a possessive repetition")
        least, most, inside = value
        return repeat(_sequence(inside, repeat) or _EMPTY, least, None if most is code.MAXREPEAT else most)
    raise UnsupportedPattern(_NAMES.get(kind, str(kind).lower()))


def _class(items: Any) -> Ranges:
    ranges: list[tuple[int, int]] = []
    negated = False
    for kind, value in items:
        if kind is code.NEGATE:
            negated = True
        elif kind is code.LITERAL:
            ranges.append((value, value))
        elif kind is code.RANGE:
            ranges.append(value)
        elif kind is code.CATEGORY and value in _CLASSES:
            ranges += _CLASSES[value]
        else:
            raise UnsupportedPattern(str(value).lower())
    return complement(ranges) if negated else ranges


def _some(ranges: Ranges) -> str:
    if not (found := one_of(ranges)):
        raise UnsupportedPattern("a character class that matches nothing")
    return found


_EMPTY = '""'


# ---- whole numbers

_OPEN_DIGITS = 16


def whole_numbers(least: int | None, greatest: int | None) -> str:
    """GBNF for exactly the decimal spellings of the whole numbers between two bounds, either of them open.

    No leading zeros, no "-0". An open side ends at 16 digits, or at one digit more than the other side has: longer
    numbers are runaway output. Raises ValueError where there is no number between the bounds."""
    edge: int = (
        10 ** max(_OPEN_DIGITS, *(len(str(abs(bound))) + 1 for bound in (least or 0, greatest or 0))) - 1
    )
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
        step = 10  # the largest block of numbers that begins here, with its last digits free
        while (
            start % step == 0 and start + step - 1 <= high and len(str(start)) == len(str(start + step - 1))
        ):
            end = start + step - 1
            step *= 10
        size = step // 10  # then as many such blocks as fit before the next digit carries
        while (end + 1) // size % 10 and end + size <= high and len(str(end + size)) == len(str(start)):
            end += size
        yield _digits(str(start), str(end))
        start = end + 1


def _digits(first: str, last: str) -> str:
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
