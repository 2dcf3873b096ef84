"""Which attention is faster on a CPU for many sequences in one KV cache: with flash attention, or without.

In: the rows of a step (how many of each sequence, and at which depth), and the cells in use. Out: whether the step is
`sparse`, so that flash attention is faster, and when a context should change.

Without flash attention all rows share one matrix product over all cells, those of other sequences too. Its kernel
computes with a row's own cells only, but takes longer for each of them. So one sequence, or many with a long common
prefix, are faster without it, and many unrelated ones with it.
"""

from __future__ import annotations

from collections.abc import Sequence

PLAIN, FLASH, SKIPPED = 1.0, 3.0, 0.2
"""Relative time per row and cell: without flash attention, with it, and with it for another sequence's cell. Measured
with SmolLM2-135M (CPU time, 16 sequences of 64, 256 and 700 tokens, Zen 4): 2.0, 5.0 and 0.4 microseconds, steps of
148, 247 and 499 ms without and of 128, 156 and 236 ms with flash attention; with a 0.6B shape and 32 sequences of which
2,432 tokens are shared, 0.65 s without and 1.63 s with it: 1 to 5."""

MOVED = 60.0
"""The same for moving a cell into a context with the other attention, which transposes its values."""

Rows = Sequence[tuple[int, int]]
"""For each sequence of a step: its rows, and the tokens before them."""


def lost_by_flash(rows: Rows, cells: int) -> float:
    """The relative time that such a step takes longer with flash attention than without; negative: less time."""
    every = cells * sum(count for count, _ in rows)
    own = sum(count * depth for count, depth in rows)
    return FLASH * own + SKIPPED * (every - own) - PLAIN * every


class AttentionCost:
    """Adds up what steps lose by the attention of their context. `reset` it with every new context."""

    def __init__(self) -> None:
        self._lost = 0.0

    def record(self, rows: Rows, cells: int, *, flash: bool) -> None:
        """A step was computed, `flash`: with flash attention."""
        lost = lost_by_flash(rows, cells)
        self._lost = max(0.0, self._lost + (lost if flash else -lost))

    def pays(self, moved: int) -> bool:
        """Whether moving so many cells would have cost less than what was lost."""
        return self._lost > MOVED * moved

    def reset(self) -> None:
        self._lost = 0.0
