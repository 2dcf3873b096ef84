"""Which tokens of a vocabulary the tokenizer matches by their spelling as a whole: control, user-defined, unknown.

In: a loaded model and the state folder. Out: their ids, ascending. The library tells of one token at a time, which
takes 0.06 s for 150,000 of them (measured), so what was found is kept for the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import chain
from pathlib import Path
from typing import Any

from mull.engine.native import selfcheck
from mull.fs.file_stamp import FileStamp
from mull.fs.json_cache import JsonCache

SMALL = 10_000
"""Tokens. So few are asked about as quickly as a file is read."""


def marked(
    n_vocab: int, is_marked: Callable[[int], bool], stamp: tuple[FileStamp, ...], state_dir: Path | None
) -> list[int]:
    """The tokens below `n_vocab` of which `is_marked` is true. `stamp`: which file they are from; empty: not kept."""
    if state_dir is None or not stamp or n_vocab < SMALL:
        return [token for token in range(n_vocab) if is_marked(token)]
    kept, key = JsonCache(state_dir / "markers.json"), f"{selfcheck.library_identity()} {stamp}"
    known = _read(kept.get(key), n_vocab)
    if known is None:
        known = [token for token in range(n_vocab) if is_marked(token)]
        kept.put(key, {"n_vocab": n_vocab, "spans": list(_spans(known))})
    return known


def _read(answer: dict[str, Any] | None, n_vocab: int) -> list[int] | None:
    """What is kept, None where it is no such thing."""
    try:
        if answer is None or answer["n_vocab"] != n_vocab:
            return None
        tokens = list(chain.from_iterable(range(first, last + 1) for first, last in answer["spans"]))
    except (KeyError, TypeError, ValueError):
        return None
    return tokens if all(0 <= token < n_vocab for token in tokens[:1] + tokens[-1:]) else None


def _spans(tokens: Iterable[int]) -> Iterable[tuple[int, int]]:
    """Ascending numbers as first and last of each run: some vocabularies have thousands in a row."""
    first = last = -1
    for token in tokens:
        if token != last + 1 or first < 0:
            if first >= 0:
                yield first, last
            first = token
        last = token
    if first >= 0:
        yield first, last
