"""A llama_batch: what one step computes.

In: tokens of sequences with their positions, and of how many the logits are wanted; for NextN layers also a hidden
state for each token. Out: `raw` for llama_decode. Raises ValueError for more rows than it has.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Batch:
    """A llama_batch whose arrays are reused: nothing is allocated per step."""

    def __init__(self, llama: Any, capacity: int) -> None:
        self.capacity = capacity
        self._tokens = (ctypes.c_int32 * capacity)()
        self._positions = (ctypes.c_int32 * capacity)()
        self._seqs = (ctypes.c_int32 * capacity)()
        self._logits = (ctypes.c_int8 * capacity)()
        self._one_each = (ctypes.c_int32 * capacity)(*[1] * capacity)
        first = ctypes.addressof(self._seqs)
        size = ctypes.sizeof(ctypes.c_int32)
        pointer = ctypes.POINTER(ctypes.c_int32)
        self._seq_pointers = (pointer * capacity)(
            *(ctypes.cast(first + i * size, pointer) for i in range(capacity))
        )
        self.raw = llama.llama_batch()
        self.raw.token = ctypes.cast(self._tokens, pointer)
        self.raw.pos = ctypes.cast(self._positions, pointer)
        self.raw.n_seq_id = ctypes.cast(self._one_each, pointer)
        self.raw.seq_id = ctypes.cast(self._seq_pointers, ctypes.POINTER(pointer))
        self.raw.logits = ctypes.cast(self._logits, ctypes.POINTER(ctypes.c_int8))
        self.size = 0

    @property
    def last_position(self) -> int:
        """The position of the last row in its sequence."""
        return self._positions[self.size - 1]

    def clear(self) -> None:
        """Remove all rows."""
        self.size = 0

    def add(self, tokens: Sequence[int], position: int, seq: int, *, logits: int) -> int:
        """Append tokens of one sequence. `logits`: of how many of the last tokens; returns the first row of these."""
        start, end = self.size, self.size + len(tokens)
        if end > self.capacity:
            raise ValueError(f"{end} rows in a batch of {self.capacity}")
        if end == start + 1:
            self._tokens[start], self._positions[start], self._seqs[start] = tokens[0], position, seq
            self._logits[start] = logits
        else:
            self._tokens[start:end] = list(tokens)
            self._positions[start:end] = list(range(position, position + len(tokens)))
            self._seqs[start:end] = [seq] * len(tokens)
            ctypes.memset(ctypes.addressof(self._logits) + start, 0, len(tokens))
            self._logits[end - logits : end] = [1] * logits
        self.size = self.raw.n_tokens = end
        return end - logits

    def attach(self, states: NDArray[np.float32]) -> None:
        """Give each token a hidden state: (tokens, width), in their order. They hold until the next call."""
        self._states = states  # llama.cpp reads it
        self.raw.embd = states.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
