"""Whether a prompt is a sum, a comparison or a list to sort within pebble's domain; a part of `domain.py`.

In: the prompt's tokens. Out: True or False. The sizes and wordings are those that the shipped pebble gets right.
"""

from __future__ import annotations

from mull.models.builtin import vocabulary as known
from mull.models.builtin.text import (
    NUMBER_WORDS,
    OPERATORS,
    PUNCTUATION,
    Token,
    all_known,
    symbols_of,
    values,
    words_of,
)

MOST_DIGITS = 9_999  # of sums and differences
MOST_SUMMANDS, MOST_IN_LONG_SUM = 4, 999
PRODUCTS = (999, 99)  # the larger and the smaller factor
SMALL_FACTOR = 12  # of a product within a sum
MOST_LISTED, MOST_LETTERS = 6, 6  # numbers, single letters to sort
MOST_IN_LIST = 999
_ENDS = frozenset(".,?!")


def arithmetic(found: list[Token]) -> bool:
    """Sums and differences, and products of two numbers; no division, of which pebble gets a third wrong."""
    between = _operators(found)
    plain = [token for place, token in enumerate(found) if place not in between]
    operators = set(between.values())
    if not all_known(plain, known.ARITHMETIC) or symbols_of(plain) - (PUNCTUATION | {"&"}):
        return False
    if _signed(found) or _falls_below_zero(found, operators, values(plain)):
        return False
    if found[0].text == "total":
        return False  # pebble multiplies
    words, numbers = set(words_of(plain)), values(found)
    sums = (
        words & (known.SUM_SIGNS | known.DIFFERENCE_SIGNS)
        or operators & {"+", "-"}
        or "&" in symbols_of(plain)
    )
    sums = sums or {"all", "in"} <= words
    compares = "much" in words and words & {"bigger", "larger", "higher", "greater", "smaller", "lower"}
    products = words & known.PRODUCT_SIGNS or operators & {"*"}
    if {"double", "twice"} & words:
        return len(numbers) == 1 and numbers[0] is not None and numbers[0] <= MOST_IN_LONG_SUM
    if len(numbers) < 2 or not (sums or compares or products):
        return False
    sizes = [number for number in numbers if number is not None]
    if len(sizes) < len(numbers) or {"numbers", "from"} <= words or {"numbers", "between"} <= words:
        return False  # "the numbers from 1 to 10" are more than two
    if products:
        single = len(operators & {"*"}) + ("times" in words) == 1 and list(between.values()).count("*") < 2
        return _product(sizes, single=single, mixed=bool(operators & {"+", "-"} or words & {"plus", "minus"}))
    if len(sizes) == 2:
        return max(sizes) <= MOST_DIGITS
    return len(sizes) <= MOST_SUMMANDS and max(sizes) <= MOST_IN_LONG_SUM


def _signed(found: list[Token]) -> bool:
    """Whether a number has a sign of its own (pebble reads -5 as 5), or a result is stated ("2+2=5")."""
    between = _operators(found)
    return any(
        token.kind == "number" and found[place].tight and place - 1 not in between
        for place, token in enumerate(found[1:], start=1)
        if found[place - 1].text in {"-", "="}
    )


def _falls_below_zero(found: list[Token], operators: set[str], numbers: list[int | None]) -> bool:
    """Whether a difference of two numbers of as many digits is negative: pebble leaves out the sign then."""
    words = words_of(found)
    if len(numbers) != 2 or not all(number is not None for number in numbers):
        return False
    first, second = (number or 0 for number in numbers)
    if "from" in words[1:] and known.TAKING.intersection(words):
        first, second = second, first
    elif "-" not in operators and "minus" not in words:
        return False
    return first < second and len(str(first)) == len(str(second))


def _product(sizes: list[int], *, single: bool, mixed: bool) -> bool:
    """`single`: there is one multiplication; `mixed`: something is added or subtracted, too."""
    if single and not mixed and len(set(sizes)) < len(sizes) == 3:
        sizes = [*set(sizes), *set(sizes)][:2]  # said twice: "12 dozens, i.e. 12 x 12"
    if len(sizes) == 2 and not mixed:
        return max(sizes) <= PRODUCTS[0] and min(sizes) <= PRODUCTS[1]
    return mixed and len(sizes) == 3 and max(sizes) <= SMALL_FACTOR * 8 and sorted(sizes)[1] <= SMALL_FACTOR


def _operators(found: list[Token]) -> dict[int, str]:
    """The symbols between two numbers, by their place: `+`, `-` or `*`."""
    between = {}
    for place in range(1, len(found) - 1):
        token = found[place]
        around = found[place - 1], found[place + 1]
        if token.text in OPERATORS and all(
            one.kind == "number" or one.text in NUMBER_WORDS for one in around
        ):
            if token.text == "-" and around[0].kind == "word":
                continue  # twenty-six
            between[place] = token.text if token.text in "+-" else "*"
    return between


def _list_of_numbers(found: list[Token], vocabulary: frozenset[str]) -> bool:
    """Two to six whole numbers below 1,000 among words of the vocabulary."""
    if not all_known(found, vocabulary) or symbols_of(found) - (PUNCTUATION | set("[]&")):
        return False
    if _signed(found):
        return False
    numbers: list[int | None] = []
    for token in found:
        if token.kind == "number":
            parts = token.text.split(",")  # 5,3,8
            numbers += [int(part) if part.isdigit() else None for part in parts]
        elif NUMBER_WORDS.get(token.text, 0) > 1:
            numbers.append(NUMBER_WORDS[token.text])
    return 2 <= len(numbers) <= MOST_LISTED and all(n is not None and n <= MOST_IN_LIST for n in numbers)


def comparing(found: list[Token]) -> bool:
    """The largest or the smallest of a list."""
    words = words_of(found)
    signs = known.COMPARE_SIGNS.intersection(words)
    if "than" in words and words[0] in {"is", "are"}:
        return False  # pebble names numbers, it does not say yes or no
    if found[0].text in known.LONE_COMPARE_SHUN or (known.LEAST & signs and known.MOST & signs):
        return False  # "biggest of 9, 27": without a question pebble often takes the first
    return bool(signs) and _list_of_numbers(found, known.COMPARE)


def sorting(found: list[Token]) -> bool:
    """A list of numbers or of single letters to sort."""
    words = words_of(found)
    signs = known.SORT_SIGNS.intersection(words) or _in_turn(words, "smallest", "largest")
    signs = signs or {"line", "up"} <= set(words)
    return bool(signs) and (_list_of_numbers(found, known.SORT) or _list_of_letters(found))


def _in_turn(words: list[str], first: str, then: str) -> bool:
    """Whether both are there, in this order: without a verb, pebble sorts upwards, whatever else is asked."""
    return first in words and then in words and words.index(first) < words.index(then)


def _list_of_letters(found: list[Token]) -> bool:
    """Two to six single letters in a list that stands apart: on lines of its own, behind a colon or behind "sort".

    Between other words pebble takes one of them for an item, and of longer words it gets a third wrong.
    """
    if any(token.kind == "number" for token in found) or symbols_of(found) - PUNCTUATION:
        return False
    parts: list[list[Token]] = [[]]
    for place, token in enumerate(found):
        if token.kind == "break" or token.text == ":" or (place == 1 and found[0].text == "sort"):
            parts.append([])
        if token.kind != "break" and token.text != ":":
            parts[-1].append(token)
    letters = [part for part in parts if part and all(_is_item(token) for token in part)]
    others = [token for part in parts if part not in letters for token in part]
    count = sum(token.kind == "word" and token.text != "and" for part in letters for token in part)
    return 2 <= count <= MOST_LETTERS and all_known(others, known.SORT) and not symbols_of(others) - _ENDS


def _is_item(token: Token) -> bool:
    """A letter of a list, or what separates it from the next one."""
    return token.text in {",", ";", ".", "and", "&"} or (token.kind == "word" and len(token.text) == 1)
