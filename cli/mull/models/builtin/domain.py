"""Whether a prompt lies within pebble's domain: what it was trained for, within the sizes it gets right.

In: the text of one prompt. Out: True or False, in well under a millisecond, without a model. A prompt is within the
domain when one kind of question recognizes it: by the kind's signs, by words that are all known to the kind, and by
operands of sizes that pebble was measured to get right. Everything else is outside, other languages included. The
limits are measured with the shipped pebble (docs/pebble.md, "What it is asked").
"""

from __future__ import annotations

import re

from mull.models.builtin import vocabulary as known
from mull.models.builtin.numbers import MOST_IN_LIST, arithmetic, comparing, sorting
from mull.models.builtin.text import (
    OPERATORS,
    PUNCTUATION,
    Token,
    all_known,
    symbols_of,
    tokens,
    values,
    words_of,
)

LONGEST = 400  # characters; a word problem of pebble's domain has some 150
LONGEST_WORD = {"count": 16, "length": 12, "backwards": 9}  # letters
STORY_NUMBERS = (2, 3)
STORY_WORDS = 60
TALK_WORDS = 9

_NAME = re.compile(
    r"\s*(?:(?:hi|hello|hey),? [a-z]+|(?:(?:hi|hello|hey)\W+)?my name is [a-z]+"
    r"|(?:hi|hello|hey)\W+(?:i'm|i am|this is) [a-z]+)\s*[.!]*\s*",
    re.IGNORECASE,
)
_MODEL = re.compile(r"\b(?=[\w.:-]*\d)[a-z]{2,}[\w.]*(?:[-:][\w.]+)*", re.IGNORECASE)
_RIDDLE = re.compile(
    r"\ball but\b|\bhow many (?:more|seconds?|minutes?|hours?|days?|weeks?|months?|years?)\b|\bbreaks? \d",
    re.IGNORECASE,
)
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
        arithmetic(found)
        or _letters(found)
        or sorting(found)
        or comparing(found)
        or _story(found, prompt)
        or _mull(prompt)
        or _talk(found, prompt)
        or (follows and _follow_up(found))
    )


def _readable(token: Token) -> bool:
    """Whether pebble can read it: ASCII words and the symbols of its training."""
    if token.kind == "symbol":
        return token.text in PUNCTUATION or token.text in OPERATORS or token.text in "/&$€£[]<>_|`"
    return token.text.isascii()


# Letters.


def _letters(found: list[Token]) -> bool:
    """Counting letters in one word, or turning one word round."""
    if any(token.kind == "number" for token in found) or symbols_of(found) - PUNCTUATION:
        return False
    text = " ".join(words_of(found))
    backwards = known.BACKWARDS_SIGNS.intersection(words_of(found)) or any(
        phrase in text for phrase in known.BACKWARDS_PHRASES
    )
    letter = any(_is_letter(found, place) for place in range(len(found)))
    counts: object = known.COUNT_SIGNS.intersection(words_of(found)) and (
        letter or known.LETTER_SIGNS.intersection(words_of(found))
    )
    counts = counts or bool(re.search(r"\b(?:how long is|length of)\b.*\bword\b", text))
    if not backwards and (not counts or known.LETTERS_SHUN.intersection(words_of(found))):
        return False
    targets = [place for place in range(len(found)) if _is_target(found, place)]
    if "string" in words_of(found) and not any(found[place].quoted for place in targets):
        return False  # a question about programming
    targets = targets or [place for place, token in enumerate(found) if token.text in known.TARGETS_TOO]
    if len(targets) != 1 or _is_thing(found, targets[0]):
        return False
    around = found[max(targets[0] - 1, 0)].text, found[min(targets[0] + 1, len(found) - 1)].text
    if backwards and known.GREETED.intersection(around) - {found[targets[0]].text}:
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
    words = words_of(found)
    numbers = values(found, one=False)
    if "twice" in words or re.search(r"\bone\b", prompt.lower()):
        numbers.append(1)
    if not STORY_NUMBERS[0] <= len(numbers) <= STORY_NUMBERS[1] or len(words) > STORY_WORDS:
        return False
    if any(number is None or number > MOST_IN_LIST for number in numbers):
        return False
    if symbols_of(found) - (PUNCTUATION | set("$€£&")) or _RIDDLE.search(prompt):
        return False
    if known.STORY_SHUN.intersection(words) or not known.STORY_VERBS.intersection(words):
        return False
    facts, question = _parted(prompt.lower())
    if len(numbers) > 2 and not _steady(words):
        return False
    return any(value is not None for value in values(tokens(facts))) and bool(question)


def _steady(words: list[str]) -> bool:
    """Whether a story of several steps is one that pebble follows: nothing is found or got, nothing is given away
    after something has come."""
    came = next((place for place, word in enumerate(words) if place and word in known.COMES), len(words))
    had = any(word in known.HAS for word in words[:came])
    return not known.STEPS_SHUN.intersection(words) and not (had and known.GOES.intersection(words[came:]))


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
    words = [word for word in words_of(found) if word not in known.MAKERS]
    if any(token.kind == "number" for token in found) or symbols_of(found) - PUNCTUATION:
        return False
    if _OPINION.search(prompt) or not words:
        return False
    content = {word for word in words if word not in known.COMMON}
    if {"you", "your", "yourself"}.intersection(words) and content <= known.YOU:
        return True
    if len(words) < len(words_of(found)):
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
    if any(token.kind == "number" for token in found) or symbols_of(found) - (PUNCTUATION | {"/"}):
        return False
    words = words_of(found)
    if len(words) > TALK_WORDS:
        return False
    if _NAME.fullmatch(prompt):
        return True
    return all(word in known.TALK for word in words) and bool(known.TALK_SIGNS.intersection(words))


def _follow_up(found: list[Token]) -> bool:
    """A short question that leans on the turn before: "and plus 5?", "now backwards", "and the smallest?"."""
    kinds = known.ARITHMETIC | known.SORT | known.COMPARE | known.LETTERS
    content = [word for word in words_of(found) if word not in known.COMMON]
    numbers = values(found, one=False)
    if len(found) > TALK_WORDS or not all_known(found, kinds) or not (content or numbers):
        return False
    return all(number is not None and number <= MOST_IN_LIST for number in numbers) and not (
        symbols_of(found) - (PUNCTUATION | OPERATORS)
    )
