"""Suggestions for a misspelled name: the nearest known names, and the sentence "Did you mean …?".

In: the word that was typed and the names that exist. Out: names, best first, or a hint for an error message.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence


def nearest(
    word: str, known: Collection[str], *, count: int = 1, cutoff: float = 0.6, prefixes: bool = False
) -> list[str]:
    """Up to `count` known names that are spelled most like `word`; `cutoff` is difflib's similarity, 0.0 to 1.0.

    `prefixes`: names that begin with `word`, if there are any, are taken instead.
    """
    begun = [name for name in known if word and name.startswith(word)] if prefixes else []
    if begun:
        return begun[:count]
    from difflib import get_close_matches

    return get_close_matches(word, known, n=count, cutoff=cutoff)


def did_you_mean(names: Sequence[str], otherwise: str = "") -> str:
    """`Did you mean a or b?`; without names, `otherwise`."""
    return f"Did you mean {' or '.join(names)}?" if names else otherwise


def within_two_edits(word: str, known: Collection[str]) -> list[str]:
    """The known names that one edit turns the word into, else those that two do; letters in any case.

    An edit inserts, deletes or replaces a character, or swaps two neighbours. At most half of the word changes, so that
    `hi` is not taken for `ls`.
    """
    counts = {name: _edits(word.casefold(), name) for name in known}
    least = min(counts.values(), default=3)
    return [name for name in counts if counts[name] == least <= min(2, len(word) // 2)]


def _edits(first: str, second: str) -> int:
    """The number of edits between two words (optimal string alignment)."""
    older: list[int] = []
    row: list[int] = [*range(len(second) + 1)]
    for i, a in enumerate(first, 1):
        older, last, row = row, older, [i]
        for j, b in enumerate(second, 1):
            cost = min(older[j] + 1, row[j - 1] + 1, older[j - 1] + (a != b))
            if last and j > 1 and a == second[j - 2] and first[i - 2] == b:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
    return row[-1]
