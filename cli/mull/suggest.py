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
