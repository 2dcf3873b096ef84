"""Special tokens: those of a vocabulary that the tokenizer matches as a whole (control, user-defined, unknown).

In: a test of one token, the vocabulary's size, the file's stamps and the state folder. Out: the special tokens' ids,
ascending. llama.cpp reports on one token at a time, which takes 0.06 s for 150,000 of them (measured), so the result is
cached per file. A damaged cache is ignored.
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
"""Tokens. Smaller vocabularies are searched as fast as the cache is read."""


def find_special_tokens(
    n_vocab: int, is_special: Callable[[int], bool], stamps: tuple[FileStamp, ...], state_dir: Path | None
) -> list[int]:
    """The tokens below `n_vocab` for which `is_special` is true.

    `stamps`: of the model's files. Nothing is cached where they are empty or `state_dir` is None.
    """
    if state_dir is None or not stamps or n_vocab < SMALL:
        return [token for token in range(n_vocab) if is_special(token)]
    cache, key = JsonCache(state_dir / "markers.json"), f"{selfcheck.library_identity()} {stamps}"
    tokens = _read(cache.get(key), n_vocab)
    if tokens is None:
        tokens = [token for token in range(n_vocab) if is_special(token)]
        cache.put(key, {"n_vocab": n_vocab, "spans": list(_spans(tokens))})
    return tokens


def _read(answer: dict[str, Any] | None, n_vocab: int) -> list[int] | None:
    """The tokens of a cached answer, None where it is missing or invalid."""
    try:
        if answer is None or answer["n_vocab"] != n_vocab:
            return None
        tokens = list(chain.from_iterable(range(first, last + 1) for first, last in answer["spans"]))
    except (KeyError, TypeError, ValueError):
        return None
    return tokens if all(0 <= token < n_vocab for token in tokens[:1] + tokens[-1:]) else None


def _spans(tokens: Iterable[int]) -> Iterable[tuple[int, int]]:
    """Ascending numbers as the first and last of each run: some vocabularies have thousands of them in a row."""
    first = last = -1
    for token in tokens:
        if token != last + 1 or first < 0:
            if first >= 0:
                yield first, last
            first = token
        last = token
    if first >= 0:
        yield first, last
