"""Numbers in a statement: which one is its answer, and whether that is the expected one.

In: plain text. Out: exact values (`Fraction`). Separators of thousands, fractions, mixed numbers, percentages, units
and currencies around a number, and English number words where there are no digits are understood.
"""

from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

from mull.dataclass import dataclass
from mull.evaluation.judges.number_words import spoken_numbers
from mull.evaluation.judges.plain import sentences
from mull.evaluation.judges.statement import CONCLUSION, Statement

_SEPARATORS = re.compile(
    r"(?<=\d)[,_\u202f\u00a0'](?=(?:\d{2},){0,6}\d{3}(?!\d))"
)  # between thousands; also of lakhs
_SPACED = re.compile(r"(?<![\d.,])(\d{1,3}(?: \d{3})+)(?![\d.,]\d|\d)")
_MINUS = r"-(?<![\w)]-)"  # no operator, no hyphen
_NUMBER = re.compile(
    rf"(?<![A-Za-z^\d])(?<!\d[.,/])(?P<minus>{_MINUS})?"
    r"(?:(?P<whole>\d{1,15}) +)?(?P<over>\d{1,15}) ?/ ?(?P<under>\d{1,15})(?![\d/])"
    rf"|(?<![A-Za-z^\d])(?P<sign>{_MINUS})?(?P<digits>\d+(?:\.\d+)?|\.\d+)(?P<comma>,\d{{1,2}}(?!\d))?",
)
_POINTS = re.compile(
    r"(?<![\d.,])\d{1,3}(?:\.\d{3}){2,5}(?![\d.]\d|\d)"
)  # 1.234.000, as much of Europe writes
_TIMES_TEN = re.compile(
    r"(?<![A-Za-z^\d.])(\d{1,9}(?:\.\d{1,15})?)(?: ?[×x*·] ?10\^\{?([-+]?\d{1,2})\}?|[eE]([-+]?\d{1,2}))(?![\w.^]\w|\w)"
)
_COINS = re.compile(
    r"(?<![\d.,])(\d{1,9}) (?:euros?|dollars?|pounds?|francs?)(?: and|,)? (\d{1,2}) (?:cents?|pence|p|centimes?)\b",
    re.IGNORECASE,
)
_SCALE = re.compile(r" ?(thousand|million|billion|trillion)\b", re.IGNORECASE)
_SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_NEGATIVE = re.compile(r"(?<![\d)])(?<![\d)] )\b(?:minus|negative) (?=\d)", re.IGNORECASE)
_ASIDE = re.compile(r"\([^()]*\)|\[[^\[\]]*\]")
_OR = re.compile(r"\b(?:or|and/or|either|between)\b", re.IGNORECASE)
_BECAUSE = re.compile(
    r"\b(?:because|since|as there|given that|instead of|rather than|and not|, not)\b", re.IGNORECASE
)
_OPERATOR = re.compile(r"\s*(?:[-+*/×÷^=<>]|plus|minus|times|divided|multiplied)")
_LEADS = re.compile(
    r"\b(?:is|are|leaves?|gives?|makes?|remains?|so|therefore|then)\b", re.IGNORECASE
)  # to a later number
_CLAIM = re.compile(r"\b(?:is|are|was|were|has|have|makes?|gives?)\b[^:\d]*\d[^:]*[^\W\d_]{2,}\s*$")
_BASE = re.compile(r"\b(?:out )?of (?:the )?(?:first |last |total )?\d[\d,.]*\d|\b(?:out )?of (?:the )?\d")
_UNIT = re.compile(r"\s?([^\W\d_]+|°[CFK]?|%)")
_A_UNIT = r"[^\W\d_]+(?:/[^\W\d_]+)?|°[CFK]?|%"
_CLOCK = re.compile(r"(?<![\d:])(?:[01]?\d|2[0-4]):[0-5]\d(?![\d:])(?: ?[ap]\.?m\b)?", re.IGNORECASE)
_RATE = re.compile(
    r"\b(?:after|with|at|from|including|minus|less) (?:an? |the )?"
    r"(?:\d[\d.]* ?(?:%|percent) [a-z]+|[a-z]+ of \d[\d.]* ?(?:%|percent))",
    re.IGNORECASE,
)
_MONTH = "(?:January|February|March|April|May|June|July|August|September|October|November|December)"
_NTH = r"\d{1,2}(?:st|nd|rd|th)"
_NUMBERED = rf"(?:{_NTH}|\d{{1,2}})"
_DAY = re.compile(
    rf"\b{_NUMBERED}(?: of)? {_MONTH}\b|\b{_MONTH} {_NUMBERED}\b|\bon the {_NTH}(?: and (?:the )?{_NTH})?\b"
)
_STATE = re.compile(
    r"(?<=\d)((?: ?[^\W\d_]+| ?°[CF]?){0,2}),? at \d[\d.]* ?"
    r"(?:°[CF]|degrees (?:Celsius|Fahrenheit)|atm|bar|[kh]?Pa)\b"
)
_CONTRAST = re.compile(r", (?:unlike|as opposed to|compared (?:to|with))\b.*", re.DOTALL)
_SAYS = re.compile(r"\b(?:is|are|was|were|has|have)\b")
_HOW_MANY = re.compile(r"\bhow many ([a-z]{3,})s\b", re.IGNORECASE)
_MOST_DIGITS = 100


@dataclass(frozen=True, slots=True)
class Number:
    """`values`: how it can be read (3,5 is 3.5 or ends with 5). `fraction`: as written, where it is one."""

    values: tuple[Fraction, ...]
    start: int
    end: int
    fraction: tuple[int, int] | None = None


def parsed(answer: str) -> list[Fraction]:
    """The expected numbers; empty where the answer is not made of numbers alone."""
    text = _prepared(answer)
    if re.sub(r"[\s,;/.+%°-]|\band\b", "", _NUMBER.sub("", text)):
        return []
    return [number.values[0] for number in numbers(text)]


def numbers(text: str) -> list[Number]:
    """The numbers of a plain text, in its order."""
    matches = (match for match in _NUMBER.finditer(_prepared(text)) if len(match[0]) <= _MOST_DIGITS)
    return [number for match in matches if (number := _number(match))]


def _prepared(text: str) -> str:
    text = _POINTS.sub(lambda found: found[0].replace(".", ""), _SEPARATORS.sub("", text))
    text = _COINS.sub(lambda found: f"{found[1]}.{found[2]:0>2}", text)
    return _NEGATIVE.sub("-", _TIMES_TEN.sub(_written_out, text))


def _written_out(match: re.Match[str]) -> str:
    """1.5 × 10^3 as 1500."""
    return format(Decimal(match[1]).scaleb(int(match[2] or match[3])), "f")


def _number(match: re.Match[str]) -> Number | None:
    start, end = match.span()
    if match["over"]:
        under = int(match["under"])
        if under == 0:
            return None
        over = int(match["whole"] or 0) * under + int(match["over"])
        value = Fraction(-over if match["minus"] else over, under)
        fraction = None if match["whole"] else (int(match["over"]), under)
        return Number(_readings(value, match), start, end, fraction)
    sign = -1 if match["sign"] else 1
    value = sign * Fraction(match["digits"])
    values = _readings(value, match)
    if match["comma"] and "." not in match["digits"]:
        values = (sign * Fraction(f"{match['digits']}.{match['comma'][1:]}"), Fraction(match["comma"][1:]))
    return Number(values, start, end)


def _readings(value: Fraction, match: re.Match[str]) -> tuple[Fraction, ...]:
    """With a second reading: 3% is 3 or 0.03, 3 million is 3 or 3,000,000."""
    if scale := _SCALE.match(match.string, match.end()):
        return value, value * _SCALES[scale[1].casefold()]
    after = match.string[match.end() : match.end() + 9].lstrip().casefold()
    return (value, value / 100) if after.startswith(("%", "percent", "per cent")) else (value,)


def says_number(found: Statement, answer: str, prompt: str = "") -> bool:
    """Whether the number that the statement gives is the expected one. `prompt`: what was asked."""
    (wanted,) = parsed(answer)
    fraction = _as_fraction(answer)
    zones = [zone for zone in _zones(found) if numbers(zone)]
    zone = next((zone for zone in zones if numbers(_CLOCK.sub(" ", zone))), zones[0] if zones else None)
    if zone is None:
        return spoken_numbers(_spoken_part(found.text))[-1:] == [wanted]
    chosen = _counted(_prepared(zone), prompt) or _chosen(_prepared(zone), wanted, first=found.marked)
    return any(wanted in number.values and _same_form(number, fraction) for number in chosen)


def _spoken_part(text: str) -> str:
    """Spiders have eight legs (four pairs); the heart has four chambers: two atria and two ventricles."""
    if spoken_numbers(changed := _without_asides(text)):
        text = changed
    head, _, _ = text.partition(": ")
    return head if spoken_numbers(head) and _SAYS.search(head) else text


def _counted(text: str, prompt: str) -> list[Number]:
    """Of several numbers of things in the plural, the one of what was asked for: 12 faces, 20 vertices and 30 edges."""
    asked, found = _HOW_MANY.search(prompt), numbers(text)
    if asked is None or len(found) < 2 or CONCLUSION.search(text):
        return []
    units = [_unit(text, one).casefold() for one in found]
    mine = [one for one, unit in zip(found, units, strict=True) if unit == f"{asked[1]}s".casefold()]
    plural = all(unit.endswith("s") and len(unit) > 3 for unit in units)
    return mine if plural and len(mine) == 1 else []


def _as_fraction(answer: str) -> tuple[int, int] | None:
    (number,) = numbers(answer)
    return number.fraction


def _same_form(number: Number, fraction: tuple[int, int] | None) -> bool:
    """An expected fraction is in its lowest terms; one that is not, such as 4/6, is another answer."""
    return number.fraction is None or fraction is None or number.fraction == fraction


def _zones(found: Statement) -> list[str]:
    """Where to look for the number, best place first."""
    parts = [part for part in sentences(found.text) if not part.rstrip().endswith("?")] or [found.text]
    if found.marked:
        return [parts[0], *reversed(parts[1:]), *_backwards(found)]
    if _stands_alone(found):
        return [found.first]
    return [*reversed(parts), *_backwards(found)]


def _backwards(found: Statement) -> list[str]:
    """All other sentences, from the last to the first, without questions."""
    every = sentences(found.first) + [part for line in found.rest.split("\n") for part in sentences(line)]
    return [part for part in reversed(every) if not part.rstrip().endswith("?")]


def _stands_alone(found: Statement) -> bool:
    """Whether the first line is a number with at most a unit, and only an explanation follows."""
    if not found.rest or CONCLUSION.search(found.rest) or len(numbers(found.first)) != 1:
        return False
    others = re.findall(r"[^\W\d_]+", found.first)
    return (
        len(others) <= 2
        and not _OPERATOR.search(found.first)
        and len(re.findall(r"[^\W\d_]{2,}", found.rest)) > 2
    )


def _chosen(sentence: str, wanted: Fraction, *, first: bool) -> list[Number]:
    """The number that a sentence gives as its answer; two readings around "≈"; none if it names alternatives."""
    text = sentence
    for shorter in _SHORTER:
        if numbers(changed := shorter(text)):
            text = changed
    if spaced := list(_SPACED.finditer(text)):
        joined = _SPACED.sub(lambda match: match[0].replace(" ", ""), text)
        if any(wanted in number.values for number in _pick(joined, first=first)):
            return _pick(joined, first=first)
        if spaced[-1].end() == len(text.rstrip(" .!")):
            text = joined
    return _pick(text, first=first)


def _without_asides(text: str) -> str:
    return _ASIDE.sub(" ", text)


def _without_circumstances(text: str) -> str:
    """It takes 137 minutes and leaves at 10:48; it costs 60 euros after a discount of 25%; it is 7 at 25 °C."""
    return _STATE.sub(r"\1", _RATE.sub(" ", _CLOCK.sub(" ", text)))


def _without_days(text: str) -> str:
    """It ended in 1945, on May 8."""
    return _DAY.sub(" ", text)


def _before_contrast(text: str) -> str:
    """A spider has 8 legs, unlike insects, which have 6."""
    return _CONTRAST.sub("", text)


def _before_reason(text: str) -> str:
    return _BECAUSE.split(text, maxsplit=1)[0]


def _before_details(text: str) -> str:
    """There are 64 squares: 32 white and 32 black."""
    head, colon, _ = text.partition(": ")
    return head if colon and _CLAIM.search(head) else text


def _without_bases(text: str) -> str:
    """18 is 25% of 72."""
    return _BASE.sub(" ", text)


_SHORTER = (
    _without_asides,
    _without_circumstances,
    _without_days,
    _before_contrast,
    _before_reason,
    _before_details,
    _without_bases,
)
"""What is left out of a sentence, in this order, where numbers are left then."""


def _pick(text: str, *, first: bool) -> list[Number]:
    """`first`: a number that stands at the beginning is preferred to the last one."""
    found = numbers(text)
    if len(found) < 2:
        return found
    for one, other in pairwise(found):
        if one.values != other.values and _OR.search(text, one.end, other.start):
            units = _unit(text, one), _unit(text, other)
            return [one] if all(units) and units[0] != units[1] else []
    after = [number for number in found if number.start > max(text.rfind("="), text.rfind("≈")) >= 0]
    if after and not _LEADS.search(text, after[0].end):
        return _around(text, found, after[0])
    if (
        first
        and not after
        and not _OPERATOR.match(text, found[0].end)
        and not re.search(r"\w", text[: found[0].start])
    ):
        return found[:1]
    return found[-1:]


def _unit(text: str, number: Number) -> str:
    """What follows a number: "-273.15 °C, or 0 K" names one temperature."""
    found = _UNIT.match(text, number.end)
    return "" if found is None or found[1] in {"or", "and"} else found[1]


def _around(text: str, found: list[Number], chosen: Number) -> list[Number]:
    """The chosen number, and its neighbour where a "≈" stands between them: 2/15 ≈ 0.133.

    Also the one before it where both stand alone between signs, in two units: = 72 km/h = 20 m/s.
    """
    index = found.index(chosen)
    near = [chosen]
    if index and (
        "≈" in text[found[index - 1].end : chosen.start] or _in_two_units(text, found[index - 1], chosen)
    ):
        near.append(found[index - 1])
    if index + 1 < len(found) and "≈" in text[chosen.end : found[index + 1].start]:
        near.append(found[index + 1])
    return near


def _in_two_units(text: str, one: Number, other: Number) -> bool:
    """Whether each follows a sign of equality and has a unit of its own."""
    between = re.fullmatch(rf"\s?({_A_UNIT})\s*[=≈]\s*", text[one.end : other.start])
    after = re.match(rf"\s?({_A_UNIT})", text[other.end :])
    equals = re.search(r"[=≈]\s*$", text[: one.start])
    return bool(equals) and between is not None and after is not None and between[1] != after[1]
