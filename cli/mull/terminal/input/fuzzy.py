"""Fuzzy matching of what is typed in a menu or a filter.

In: typed words and a candidate's texts. Out: how well they match, 0 best; None for no match. Case is ignored.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TypeVar

T = TypeVar("T")
PREFIX = 0


def rank(word: str, text: str) -> int | None:
    """0: the text begins with the word; 1: a part of it does; 2: contains it; 3: has its letters in this order."""
    word, text = word.casefold(), text.casefold()
    at = text.find(word)
    if at == 0:
        return PREFIX
    if at > 0:
        return 1 if re.search(rf"(?:\b|_){re.escape(word)}", text) else 2
    letters = iter(text)
    return 3 if all(letter in letters for letter in word) else None


def best(word: str, candidates: Iterable[T], name: Callable[[T], str]) -> list[T]:
    """The candidates that begin with the word; if there are none, the others that match, the best first."""
    ranked = [(found, one) for one in candidates if (found := rank(word, name(one))) is not None]
    begun = [one for found, one in ranked if found == PREFIX]
    return begun or [one for _, one in sorted(ranked, key=lambda pair: pair[0])]


def rank_words(words: str, title: str, details: str = "") -> int | None:
    """The same for several words in any order: each matches the title, or the details contain it literally."""
    total = 0
    for word in words.split():
        found = rank(word, title)
        if found is None or found > 2:
            found = 3 if word.casefold() in details.casefold() else found and found + 1
        if found is None:
            return None
        total += found
    return total
