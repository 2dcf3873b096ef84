"""How a prompt is split into batches, and from which position a cached prefix of it may be used.

In: positions in a prompt, and its checkpoints: the places where other prompts are likely to diverge from it. Out: how
many tokens belong in the next batch, and how much of a cached prefix to use. Nothing is decoded here.

llama.cpp computes batches of 64 tokens and more with other kernels than shorter ones, and the tokens that do not fill a
tile with others again, and these round differently (measured: the same bits for 200 tokens in one batch, in halves or
as 128 + 72; other bits for 192 + 8 and for 99 + 101). So the stretch between two checkpoints is split at multiples of a
tile into batches that are never short by chance, and a cached prefix is used up to a checkpoint or such a split. Then a
prompt gives the same bits, whatever was cached of it and however fast it was computed.
"""

from __future__ import annotations

from collections.abc import Sequence

SHORT = 64
"""Tokens. Shorter batches are computed by kernels of their own."""

TILE = 32
"""Tokens that kernels process at once, or a multiple of that."""

SMALLEST_CHUNK = 32
"""Prompt tokens per step, at least; the speed of smaller batches says little."""

_FIRST_CHUNK = 128  # tokens, before the speed is known
SMALLEST_GPU_CHUNK = 8  # tokens; with fewer a device gains little, and a slow one takes seconds for more
_CHUNK_SECONDS = 2.0  # of a step: how often the user sees progress. A CPU can be interrupted within a step
_PARALLEL_CHUNK_SECONDS = 60.0  # with several sequences, no single progress bar is shown
_GPU_CHUNK_SECONDS = (
    0.15  # a GPU cannot be interrupted, so a step must be shorter than a stop may take (0.2 s)
)


class ChunkSize:
    """How many prompt tokens to compute per step, adapted to the speed that was measured.

    `tokens`: of the next step. `shortest`: the fewest of a batch that is not a rest. `smallest`: the fewest whose speed
    says something.
    """

    def __init__(self, batch_size: int, n_parallel: int, *, on_gpu: bool) -> None:
        self.tokens = SMALLEST_GPU_CHUNK if on_gpu else _FIRST_CHUNK
        self.shortest = SMALLEST_GPU_CHUNK if on_gpu else SHORT
        self.smallest = SMALLEST_GPU_CHUNK if on_gpu else SMALLEST_CHUNK
        self._largest = batch_size
        self._seconds = _PARALLEL_CHUNK_SECONDS if n_parallel > 1 else _CHUNK_SECONDS
        if on_gpu:
            self._seconds = _GPU_CHUNK_SECONDS

    def record(self, tokens: int, seconds: float) -> None:
        """A batch of so many tokens took so long."""
        self.tokens = min(self._largest, max(self.smallest, int(tokens / seconds * self._seconds)))


def next_chunk(at: int, total: int, checkpoints: Sequence[int], limit: int, shortest: int = SHORT) -> int:
    """Tokens of the next batch of a prompt of `total` tokens, of which `at` are computed.

    At most `limit`, except where that would leave a short batch: then fewer than twice SHORT. With another `shortest`
    than SHORT (a device that cannot be interrupted), at most `limit` and never fewer than that, except the rest.
    """
    left = next((point for point in checkpoints if point > at), total) - at
    if shortest != SHORT:
        return min(left, max(shortest, limit // TILE * TILE))
    batches = -(-left // max(limit, SHORT))
    if batches > 1:
        for even in (-(-left // batches // TILE) * TILE, left // batches // TILE * TILE):
            if SHORT <= even <= max(limit, SHORT) and left - even >= SHORT:
                return even
    return left


def reusable_length(shared: int, total: int, checkpoints: Sequence[int]) -> int:
    """How much to use of a cached prefix of `shared` tokens of a prompt of `total`; at most `shared`."""
    begin = max((point for point in checkpoints if point <= shared), default=0)
    end = next((point for point in checkpoints if point > shared), total)
    length = (min(shared, end - SHORT) - begin) // TILE * TILE
    return begin + length if length >= SHORT else begin
