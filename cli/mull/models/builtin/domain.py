"""Whether a prompt lies within pebble's domain: what it was trained for, within the sizes it gets right.

In: the text of one prompt. Out: True or False, in well under a millisecond, without a model. A prompt is within the
domain when one kind of question recognizes it: by the kind's signs, by words that are all known to the kind, and by
operands of sizes that pebble was measured to get right. Everything else is outside, other languages included. The
limits are measured with the shipped pebble (docs/pebble.md, "What it is asked").
"""

from __future__ import annotations

import re
from collections.abc import Collection
from itertools import pairwise

from mull.models.builtin import vocabulary as known
from mull.models.builtin.text import NUMBER_WORDS, Token, tokens, values

LONGEST = 400  # characters; a word problem of pebble's domain has some 150
MOST_DIGITS = 9_999  # of sums and differences
MOST_SUMMANDS, MOST_IN_LONG_SUM = 4, 999
PRODUCTS = (999, 99)  # the larger and the smaller factor
SMALL_FACTOR = 12  # of a product within a sum
MOST_LISTED, MOST_WORDS, MOST_LETTERS = 6, 4, 6  # numbers, words, single letters to sort
MOST_IN_LIST = 999
LONGEST_WORD = {"count": 16, "length": 12, "backwards": 9, "sort": 9}  # letters
STORY_NUMBERS = (2, 4)
STORY_WORDS = 60
TALK_WORDS = 9

_PUNCTUATION = frozenset(".,?!;:'\"-()=…")
_OPERATORS = frozenset("+-*×·x")
_NAME = re.compile(
    r"\s*(?:(?:hi|hello|hey),? [a-z]+|(?:(?:hi|hello|hey)\W+)?my name is [a-z]+"
    r"|(?:hi|hello|hey)\W+(?:i'm|i am|this is) [a-z]+)\s*[.!]*\s*",
    re.IGNORECASE,
)
_MODEL = re.compile(r"\b(?=[\w.:-]*\d)[a-z]{2,}[\w.]*(?:[-:][\w.]+)*", re.IGNORECASE)
_RIDDLE = re.compile(r"\ball but\b|\bhow many (?:second|minute|hour|day|week|month|year)s?\b", re.IGNORECASE)
_OPINION = re.compile(
    r"\b(?:think|thoughts?|reason(?:s|ing)?) (?:about|of|on|for|why|behind)\b|\bmull (?:it )?over\b|\bmull means?\b",
    re.IGNORECASE,
)
_FLAG = re.compile(r"(?<!\S)(?:--?[a-z][a-z-]*|/[a-z]+|[a-z]+\+[a-z]+|[A-Z]+_[A-Z]+)", re.IGNORECASE)


def in_domain(prompt: str, *, follows: bool = False) -> bool:
    """Whether pebble is asked this. `follows`: a turn goes before it, so that "and plus 5?" has a meaning."""
    if len(prompt) > LONGEST:
        return False
    found = tokens(prompt)
    if not found or any(not _readable(token) for token in found):
        return False
    return (
        _arithmetic(found)
        or _letters(found)
        or _sorting(found)
        or _comparing(found)
        or _story(found, prompt)
        or _mull(prompt)
        or _talk(found, prompt)
        or (follows and _follow_up(found))
    )


def _readable(token: Token) -> bool:
    """Whether pebble can read it: ASCII words and the symbols of its training."""
    if token.kind == "symbol":
        return token.text in _PUNCTUATION or token.text in _OPERATORS or token.text in "/&$€£[]<>_|`"
    return token.text.isascii()


def _words(found: Collection[Token]) -> list[str]:
    return [token.text for token in found if token.kind == "word"]


def _symbols(found: Collection[Token]) -> set[str]:
    return {token.text for token in found if token.kind == "symbol"}


def _all_known(found: Collection[Token], vocabulary: frozenset[str]) -> bool:
    return all(
        word in known.COMMON or word in vocabulary or word.removesuffix("s") in NUMBER_WORDS
        for word in _words(found)
    )


# Numbers.


def _arithmetic(found: list[Token]) -> bool:
    """Sums and differences, and products of two numbers; no division, of which pebble gets a third wrong."""
    between = _operators(found)
    plain = [token for place, token in enumerate(found) if place not in between]
    operators = set(between.values())
    if not _all_known(plain, known.ARITHMETIC) or _symbols(plain) - (_PUNCTUATION | {"&"}):
        return False
    if found[0].text == "-" and "-" not in operators:
        return False
    words, numbers = set(_words(plain)), values(found)
    sums = (
        words & (known.SUM_SIGNS | known.DIFFERENCE_SIGNS) or operators & {"+", "-"} or "&" in _symbols(plain)
    )
    sums = sums or {"all", "in"} <= words
    compares = "much" in words and words & {"bigger", "larger", "higher", "greater", "smaller", "lower"}
    products = words & known.PRODUCT_SIGNS or operators & {"*"}
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
        if token.text in _OPERATORS and all(
            one.kind == "number" or one.text in NUMBER_WORDS for one in around
        ):
            if token.text == "-" and around[0].kind == "word":
                continue  # twenty-six
            between[place] = token.text if token.text in "+-" else "*"
    return between


def _list_of_numbers(found: list[Token], vocabulary: frozenset[str]) -> bool:
    """Two to six whole numbers below 1,000 among words of the vocabulary."""
    if not _all_known(found, vocabulary) or _symbols(found) - (_PUNCTUATION | set("[]&")):
        return False
    numbers: list[int | None] = []
    for token in found:
        if token.kind == "number":
            parts = token.text.split(",")  # 5,3,8
            numbers += [int(part) if part.isdigit() else None for part in parts]
        elif NUMBER_WORDS.get(token.text, 0) > 1:
            numbers.append(NUMBER_WORDS[token.text])
    return 2 <= len(numbers) <= MOST_LISTED and all(n is not None and n <= MOST_IN_LIST for n in numbers)


def _comparing(found: list[Token]) -> bool:
    words = _words(found)
    signs = known.COMPARE_SIGNS.intersection(words)
    if "than" in words and words[0] in {"is", "are"}:
        return False  # pebble names numbers, it does not say yes or no
    return bool(signs) and _list_of_numbers(found, known.COMPARE)


def _sorting(found: list[Token]) -> bool:
    words = _words(found)
    signs = known.SORT_SIGNS.intersection(words) or {"smallest", "largest"} <= set(words)
    signs = signs or {"line", "up"} <= set(words)
    return bool(signs) and (_list_of_numbers(found, known.SORT) or _list_of_words(found))


def _list_of_words(found: list[Token]) -> bool:
    """Two to four short words, or six letters, in one list: with commas, `and` or line ends between them."""
    if any(token.kind == "number" for token in found) or _symbols(found) - _PUNCTUATION:
        return False
    items, at = [], []
    for place, token in enumerate(found):
        if token.kind != "word":
            continue
        letter = len(token.text) == 1 and (token.text not in {"a", "i"} or _alone(found, place))
        if letter or not (token.text in known.COMMON or token.text in known.SORT):
            items.append(token.text)
            at.append(place)
    if len(items) < 2:
        return False
    for before, after in pairwise(at):
        gap = found[before + 1 : after]
        if not gap or any(
            token.text not in {",", "and", ";", "'", '"', "&"} and token.kind != "break" for token in gap
        ):
            return False
    most = MOST_LETTERS if max(map(len, items)) == 1 else MOST_WORDS
    return len(items) <= most and max(map(len, items)) <= LONGEST_WORD["sort"]


def _alone(found: list[Token], place: int) -> bool:
    """Whether commas or line ends separate this token from what is around it."""
    around = found[max(place - 1, 0) : place] + found[place + 1 : place + 2]
    return all(token.kind == "break" or token.text in ",;" for token in around)


# Letters.


def _letters(found: list[Token]) -> bool:
    """Counting letters in one word, or turning one word round."""
    if any(token.kind == "number" for token in found) or _symbols(found) - _PUNCTUATION:
        return False
    text = " ".join(_words(found))
    backwards = known.BACKWARDS_SIGNS.intersection(_words(found)) or any(
        phrase in text for phrase in known.BACKWARDS_PHRASES
    )
    letter = any(_is_letter(found, place) for place in range(len(found)))
    counts = known.COUNT_SIGNS.intersection(_words(found)) and (
        letter or known.LETTER_SIGNS.intersection(_words(found))
    )
    if not backwards and (not counts or known.LETTERS_SHUN.intersection(_words(found))):
        return False
    targets = [place for place in range(len(found)) if _is_target(found, place)]
    if "string" in _words(found) and not any(found[place].quoted for place in targets):
        return False  # a question about programming
    targets = targets or [place for place, token in enumerate(found) if token.text in known.TARGETS_TOO]
    if len(targets) != 1 or _is_thing(found, targets[0]):
        return False
    kind = "backwards" if backwards else "count" if letter else "length"
    return len(found[targets[0]].text) <= LONGEST_WORD[kind]


def _is_letter(found: list[Token], place: int) -> bool:
    """A letter to count: `r`, `r's`, `"r"s`, `Ls`; not the article a, not I."""
    token = found[place]
    if token.kind != "word":
        return False
    if re.fullmatch(r"[b-hj-z](?:'?s)?|[ai]'?s", token.text) and token.text not in {"is", "as", "us"}:
        return True
    return token.text in {"a", "i"} and (
        token.quoted or (place > 0 and found[place - 1].text in {"letter", "of"})
    )


def _is_target(found: list[Token], place: int) -> bool:
    token = found[place]
    if token.kind != "word" or _is_letter(found, place) or len(token.text) < 2:
        return False
    quoted = token.quoted and place > 0 and found[place - 1].text in {'"', "'"}
    return quoted or not (token.text in known.COMMON or token.text in known.LETTERS)


def _is_thing(found: list[Token], place: int) -> bool:
    """Whether a word stands for a thing ("the alphabet") or is one that pebble confuses with its own name."""
    token = found[place]
    if token.quoted:
        return False
    before = found[place - 1].text if place else ""
    return before in {"the", "a", "an", "my", "your", "our", "this"} or token.text in {"pebble", "mull"}


# Word problems.


def _story(found: list[Token], prompt: str) -> bool:
    """Things that somebody has, gets or gives away, then a question for their number or price."""
    words = _words(found)
    numbers = values(found, one=False)
    if "twice" in words or re.search(r"\bone\b", prompt.lower()):
        numbers.append(1)
    if not STORY_NUMBERS[0] <= len(numbers) <= STORY_NUMBERS[1] or len(words) > STORY_WORDS:
        return False
    if any(number is None or number > MOST_IN_LIST for number in numbers):
        return False
    if _symbols(found) - (_PUNCTUATION | set("$€£&")) or _RIDDLE.search(prompt):
        return False
    if known.STORY_SHUN.intersection(words) or not known.STORY_VERBS.intersection(words):
        return False
    facts, question = _parted(prompt.lower())
    return any(value is not None for value in values(tokens(facts))) and bool(question)


def _parted(text: str) -> tuple[str, str]:
    """What a word problem tells, and what it asks; the latter is empty where it asks for no number."""
    starts = [text.rfind(ask) for ask in known.STORY_ASKS]
    at = max(starts)
    if at <= 0:
        return text, ""
    facts, question = text[:at], text[at:]
    if " can " in question:
        return text, ""  # what is possible, not what there is
    if question.startswith(("what do ", "what does ")) and not re.search(
        r"\b(?:cost|own|have|left|pay|get|earn)s?\b", question
    ):
        return text, ""
    return facts, question


# mull, pebble and small talk.


def _mull(prompt: str) -> bool:
    """Questions about mull and pebble, in the words of its documentation."""
    flags = _FLAG.findall(prompt)
    rest = _FLAG.sub(" ", prompt)
    models = _MODEL.findall(rest)
    found = tokens(_MODEL.sub(" ", rest))
    words = [word for word in _words(found) if word not in known.MAKERS]
    if any(token.kind == "number" for token in found) or _symbols(found) - _PUNCTUATION:
        return False
    if _OPINION.search(prompt) or not words:
        return False
    content = {word for word in words if word not in known.COMMON}
    if {"you", "your", "yourself"}.intersection(words) and content <= known.YOU:
        return True
    if len(words) < len(_words(found)):
        return False  # another maker's model, and the question is not about pebble
    if models and known.REMOVING.intersection(words):
        return False  # pebble says how to get it instead
    signs = known.MULL_SIGNS & content
    if words[0].startswith("what") and len(content) == 1 and signs - {"mull", "pebble"} and not flags:
        return False  # what a word means
    if content <= known.MULL and (flags or signs or (models and known.GETTING.intersection(words))):
        return True
    return any(signs.intersection(words) and content <= signs | others for signs, others in known.MULL_ALONE)


def _talk(found: list[Token], prompt: str) -> bool:
    """Greetings, thanks and goodbyes."""
    if any(token.kind == "number" for token in found) or _symbols(found) - (_PUNCTUATION | {"/"}):
        return False
    words = _words(found)
    if len(words) > TALK_WORDS:
        return False
    if _NAME.fullmatch(prompt):
        return True
    return all(word in known.TALK for word in words) and bool(known.TALK_SIGNS.intersection(words))


def _follow_up(found: list[Token]) -> bool:
    """A short question that leans on the turn before: "and plus 5?", "now backwards", "and the smallest?"."""
    kinds = known.ARITHMETIC | known.SORT | known.COMPARE | known.LETTERS
    content = [word for word in _words(found) if word not in known.COMMON]
    numbers = values(found, one=False)
    if len(found) > TALK_WORDS or not _all_known(found, kinds) or not (content or numbers):
        return False
    return all(number is not None and number <= MOST_IN_LIST for number in numbers) and not (
        _symbols(found) - (_PUNCTUATION | _OPERATORS)
    )
