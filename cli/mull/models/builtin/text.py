"""A prompt as tokens, for `domain.py`: words, numbers and symbols in their order, with what is around each.

In: any text. Out: `Token`s. Lower case; curly quotes and dashes are made plain; a hyphen separates words.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from mull.dataclass import dataclass
from mull.models.builtin import vocabulary as known

_PLAIN = str.maketrans(
    {**dict.fromkeys("“”„«»‟", '"'), **dict.fromkeys("‘’`´", "'"), **dict.fromkeys("–−—", "-")}
)
_TOKEN = re.compile(
    r"(?P<number>\d+(?:[.,:]\d+)*)"
    r"|(?P<word>[^\W\d_]+(?:'[^\W\d_]+)*)"
    r"|(?P<break>\n+)"
    r"|(?P<symbol>\S)"
)
_THOUSANDS = re.compile(r"\d+|\d{1,3}(?:,\d{3})+")
PUNCTUATION = frozenset(".,?!;:'\"-()=…")
OPERATORS = frozenset("+-*×·x")
_UNITS = """
    zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
    eighteen nineteen
"""
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
NUMBER_WORDS = {word: value for value, word in enumerate(_UNITS.split())} | {
    word: 10 * value for value, word in enumerate(_TENS.split(), start=2)
}


@dataclass(frozen=True, slots=True)
class Token:
    """`kind` is number, word, break (of a line) or symbol. `quoted`: between quotation marks.

    `tight`: it follows what is before it without a space.
    """

    kind: str
    text: str
    quoted: bool
    tight: bool


def tokens(text: str) -> list[Token]:
    """The tokens of a text. A number keeps its points, commas and colons; a quotation mark is a symbol."""
    found, quote, end = [], "", 0
    for match in _TOKEN.finditer(text.strip().translate(_PLAIN).lower()):
        kind, part = match.lastgroup or "symbol", match.group()
        tight = match.start() == end and end > 0
        end = match.end()
        if kind == "symbol" and part in "\"'":
            quote = "" if quote == part else quote or part
        found.append(Token(kind, part, bool(quote), tight))
    return found


def values(found: list[Token], *, one: bool = True) -> list[int | None]:
    """The numbers, in digits and in words (`twenty six` is 26); None for what is no whole number.

    `one` False: the words one and zero are no numbers ("which one").
    """
    numbers: list[int | None] = []
    tens = False  # the last token was twenty, thirty …
    for token in found:
        value = NUMBER_WORDS.get(token.text) if token.kind == "word" else None
        if token.kind == "number":
            whole = _THOUSANDS.fullmatch(token.text)
            numbers.append(int(token.text.replace(",", "")) if whole else None)
        elif value is not None and tens and 0 < value < 10 and numbers and numbers[-1] is not None:
            numbers[-1] += value
        elif value is not None and (one or value > 1):
            numbers.append(value)
        if not (token.kind == "symbol" and token.text == "-"):
            tens = value is not None and value >= 20
    return numbers


def words_of(found: Collection[Token]) -> list[str]:
    """The words among these tokens."""
    return [token.text for token in found if token.kind == "word"]


def symbols_of(found: Collection[Token]) -> set[str]:
    """The symbols among these tokens."""
    return {token.text for token in found if token.kind == "symbol"}


def all_known(found: Collection[Token], vocabulary: frozenset[str]) -> bool:
    """Whether each word is a common one, a number or one of `vocabulary`."""
    return all(
        word in known.COMMON or word in vocabulary or word.removesuffix("s") in NUMBER_WORDS
        for word in words_of(found)
    )
