"""Which attention is faster on a CPU for many sequences: in one KV cache for all of them, with flash attention or
without, or in a KV cache for each.

In: the rows of a step (how many of each sequence, and at which depth), and the cells in use. Out: when a context should
change its layout, and to which.

In one KV cache without flash attention all rows share one matrix product over all cells, those of other sequences too.
The kernel of flash attention computes with a row's own cells only, but takes longer for each of them, and still has to
pass over the others. So one sequence, or many with a long common prefix, are faster without it, and many unrelated ones
with it. In a KV cache for each there are no others; but each has room for the longest, a common prefix is there once
for each, and llama.cpp passes over the weights again for sequences that it cannot compute together.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum
from itertools import count, takewhile

PLAIN, FLASH, SKIPPED = 1.0, 3.0, 0.2
"""Relative time per row and cell: without flash attention, with it, and with it for another sequence's cell. Measured
with SmolLM2-135M (CPU time, 16 sequences of 64, 256 and 700 tokens, Zen 4): 2.0, 5.0 and 0.4 microseconds, steps of
148, 247 and 499 ms without and of 128, 156 and 236 ms with flash attention; with a 0.6B shape and 32 sequences of which
2,432 tokens are shared, 0.65 s without and 1.63 s with it: 1 to 5."""

MOVED, NEW = 60.0, 256
"""The same for moving a cell into a context with the other attention, which transposes its values; and the number of
cells whose move takes as long as making a context of 2,048 tokens. SmolLM2-135M, where the unit was about 3.5
microseconds: 50 ms of processor time for a context of 2,048 tokens, 185 for one of 8,192."""

TILE, SKIPPED_IN_TILES = 64, 0.4
"""Flash attention computes steps of at least 64 rows in tiles of 64; and the relative time per row and cell of another
sequence then: a tile is skipped only where no row needs any cell of it. Prompts in the same measurement: 4 of 10.9 ms
a row more than in a KV cache for each, among 2,900 cells; in ADR 15 1.9 ms, among 2,700."""

Rows = Sequence[tuple[int, int]]
"""For each sequence of a step: its rows, and the tokens before them."""


class Layout(Enum):
    """How a context holds the cells of several sequences, and which attention reads them."""

    PLAIN = "one KV cache, without flash attention"
    FLASH = "one KV cache, with flash attention"
    SEPARATE = "a KV cache for each sequence"


def cost(layout: Layout, rows: Rows, cells: int, passes: float = 0.0) -> float:
    """The relative time that attention takes in such a step; with a KV cache for each sequence, also that of
    `passes` over the weights. `cells`: in use."""
    total = sum(number for number, _ in rows)
    every = cells * total
    own = sum(number * depth for number, depth in rows)
    if layout is Layout.PLAIN:
        return PLAIN * every
    if layout is Layout.FLASH:
        return FLASH * own + (SKIPPED if total < TILE else SKIPPED_IN_TILES) * (every - own)
    return FLASH * own + passes


def pass_cost(n_params: int, n_layer: int, n_embd: int) -> float:
    """The relative time of one pass over the weights, as for a single row: a product for each of them, where a row and
    a cell take two for each layer and dimension. SmolLM2-135M: 3,900, measured 4,500."""
    return n_params / (2 * max(n_layer * n_embd, 1))


def further_passes(rows: Iterable[tuple[int, int]]) -> int:
    """How often such a step passes over the weights, beyond once, where each sequence has a KV cache.

    `rows`: sequences and their rows, ascending. llama.cpp computes equal numbers of rows of sequences together whose
    numbers follow each other (llama-batch.cpp, split_equal).
    """
    left, passes = dict(rows), 0
    while left:
        first = next(iter(left))
        together = list(takewhile(left.__contains__, count(first)))
        fewest = min(left[seq] for seq in together)
        for seq in together:
            left[seq] -= fewest
            if not left[seq]:
                del left[seq]
        passes += 1
    return passes - 1


def move_cost(cells: int) -> float:
    """The relative time of moving `cells` cells into a new context."""
    return MOVED * (cells + NEW)


class LayoutCost:
    """Adds up what steps lose by the layout of their context. `reset` it with every new context."""

    def __init__(self) -> None:
        self._lost = dict.fromkeys(Layout, 0.0)

    def record(self, layout: Layout, rows: Rows, cells: int, passes: float = 0.0) -> None:
        """A step was computed in this layout."""
        spent = cost(layout, rows, cells, passes)
        for other, lost in self._lost.items():
            self._lost[other] = max(0.0, lost + spent - cost(other, rows, cells, passes))

    def better(self, moved: int) -> list[Layout]:
        """The layouts that would have saved more than it costs to move `moved` cells; the one that saves most first."""
        paying = [layout for layout, lost in self._lost.items() if lost > move_cost(moved)]
        return sorted(paying, key=lambda layout: -self._lost[layout])

    def reset(self) -> None:
        self._lost = dict.fromkeys(Layout, 0.0)
