"""llama.cpp's array of candidates, as samplers take it: tokens with their logits.

In: a row of logits, and the tokens to choose from. Out: the token that a sampler chain selects. The array is allocated
once and refilled for every row. No sampler's state changes: nothing is accepted here.
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

import numpy as np

from mull.engine.native import library

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Candidates:
    """For a vocabulary of `n_vocab` tokens."""

    def __init__(self, n_vocab: int) -> None:
        self._llama = library.bindings()
        # llama.h, llama_token_data
        self._rows = np.zeros(n_vocab, dtype=[("id", np.int32), ("logit", np.float32), ("p", np.float32)])
        self._everything = np.arange(n_vocab, dtype=np.intp)
        self._array = self._llama.llama_token_data_array()

    def choose(
        self, chain: int | None, logits: NDArray[np.float32], tokens: NDArray[np.intp] | None = None
    ) -> int:
        """The token that the chain selects from `tokens` (None: all); without a chain, the most likely one."""
        if chain is None:
            return int(logits.argmax()) if tokens is None else int(tokens[logits.take(tokens).argmax()])
        tokens = self._everything if tokens is None else tokens
        rows = self._rows[: len(tokens)]
        rows["id"] = tokens
        rows["logit"] = logits if tokens is self._everything else logits.take(tokens)
        self._apply(chain, len(tokens))
        return int(self._rows["id"][self._array.selected])

    def _apply(self, sampler: int | None, count: int) -> None:
        array = self._array
        array.data = ctypes.cast(self._rows.ctypes.data, type(array.data))
        array.size, array.selected, array.sorted = count, -1, False
        self._llama.llama_sampler_apply(sampler, ctypes.byref(array))
