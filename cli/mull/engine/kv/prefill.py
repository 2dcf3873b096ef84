"""How a prompt is cut into batches, and where a state of an earlier prompt may be taken up.

In: positions in a prompt, and its forks: the places where other prompts are likely to part from it. Out: how many
tokens go into the next batch; how much of a shared beginning to use.
llama.cpp computes batches of 64 tokens and more with other kernels than shorter ones, and what is left over by tiles
of tokens with others again, and so rounds differently (measured: the same bits for 200 tokens in one batch, in halves
or as 128 + 72; other bits for 192 + 8 and for 99 + 101). So a stretch between two forks is cut at multiples of a tile
into batches that are never short by chance, and a state is taken up at a fork or at such a cut: then a prompt gives
the same bits, whatever of it was computed before and however quickly.
"""

from __future__ import annotations

from collections.abc import Sequence

SHORT = 64
"""Tokens. A batch of fewer is computed by kernels of its own."""

TILE = 32
"""Tokens that kernels take at once, or a multiple of that."""


def share(at: int, total: int, checkpoints: Sequence[int], room: int) -> int:
    """Tokens of the next batch of a prompt of `total` tokens of which `at` are computed.

    At most `room`, but where that would leave a short batch: then fewer than twice SHORT.
    """
    left = next((fork for fork in checkpoints if fork > at), total) - at
    batches = -(-left // max(room, SHORT))
    if batches > 1:
        for even in (-(-left // batches // TILE) * TILE, left // batches // TILE * TILE):
            if SHORT <= even <= max(room, SHORT) and left - even >= SHORT:
                return even
    return left


def landing(shared: int, total: int, checkpoints: Sequence[int]) -> int:
    """Up to where to use a beginning of `shared` tokens of a prompt of `total`; at most `shared`."""
    begin = max((fork for fork in checkpoints if fork <= shared), default=0)
    end = next((fork for fork in checkpoints if fork > shared), total)
    length = (min(shared, end - SHORT) - begin) // TILE * TILE
    return begin + length if length >= SHORT else begin
