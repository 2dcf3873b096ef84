"""English number words: "forty-two", "three hundred and five", "minus seven", "three quarters".

In: plain text. Out: the numbers in it, in its order.
"""

from __future__ import annotations

import re
from fractions import Fraction

_ONES = (
    *(
        "zero",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
    ),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_VALUES = {word: value for value, word in enumerate(_ONES)}
_VALUES |= {word: 10 * value for value, word in enumerate(_TENS, 2)}
_SCALES = {"hundred": 100, "thousand": 1000, "million": 1_000_000}
_PARTS = {"half": 2, "halves": 2, "quarter": 4}
_ORDINALS = (
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "ninth",
    "tenth",
    "eleventh",
    "twelfth",
)
_PARTS |= {word: value for value, word in enumerate(_ORDINALS, 3)}
_PARTS |= {f"{word}s": value for word, value in _PARTS.items() if word not in {"half", "halves"}}
_MOST_WORDS = 16  # of one number
_WORD = re.compile(r"[a-z]+|[^a-z\s-]")
_NO_NUMBER_BEFORE = {
    "which",
    "this",
    "that",
    "the",
    "any",
    "every",
    "each",
    "no",
    "some",
    "another",
    "only",
    "other",
}


def spoken_numbers(text: str) -> list[Fraction]:
    """The numbers; "one" as in "this one" or "one of them" is none."""
    spoken = _WORD.findall(text.casefold())
    found: list[Fraction] = []
    index = 0
    while index < len(spoken):
        end, whole = _phrase(spoken, index)
        if end == index:
            index += 1
            continue
        before = spoken[index - 1] if index else ""
        after = spoken[end] if end < len(spoken) else ""
        value = Fraction(whole)
        if (under := _PARTS.get(after, 0)) and (whole == 1) is not after.endswith("s"):
            end, value = end + 1, value / under
        pronoun = spoken[index:end] == ["one"] and (before in _NO_NUMBER_BEFORE or after == "of")
        if not pronoun:
            found.append(-value if before in {"minus", "negative"} else value)
        index = end
    return found


def _phrase(spoken: list[str], start: int) -> tuple[int, int]:
    """The end and the value of the number that begins at `start`; the end is the start where there is none."""
    total = part = 0
    index, seen = start, False
    while index < min(len(spoken), start + _MOST_WORDS):
        word = spoken[index]
        if word in _VALUES:
            if seen and not _continues(part, _VALUES[word]):
                break
            part += _VALUES[word]
        elif word in _SCALES and seen:
            if _SCALES[word] == 100:
                part *= 100
            else:
                total, part = total + part * _SCALES[word], 0
        elif not (word == "and" and seen and part % 100 == 0 and _starts_number(spoken, index + 1)):
            break
        seen = True
        index += 1
    return index, total + part


def _continues(part: int, value: int) -> bool:
    """Twenty-three continues; twenty thirty and three four do not."""
    return part % 100 == 0 or (value < 10 and part % 10 == 0 and part % 100 >= 20)


def _starts_number(spoken: list[str], index: int) -> bool:
    return index < len(spoken) and spoken[index] in _VALUES
