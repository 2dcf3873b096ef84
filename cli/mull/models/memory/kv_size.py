"""The size of the KV cache, layer by layer.

In: groups of layers with a KV cache (elements per token and layer, an optional sliding window), a context, a KV type.
Out: bytes, rounded as llama.cpp does. Full attention grows with the context; a sliding window takes the window and one
batch.
"""

from __future__ import annotations

from mull.dataclass import dataclass

KV_TYPES = ("f16", "q8_0", "q4_0")
_BYTES_PER_ELEMENT = {"f32": 4.0, "f16": 2.0, "q8_0": 34 / 32, "q4_0": 18 / 32}

CTX_STEP = 256  # llama.cpp rounds every context up to this many cells
_UBATCH = 512  # tokens per physical batch, which are cached in addition to a sliding window

SCORES = 128 << 20
"""Bytes that non-flash attention may use on a CPU for attention scores: 4 per token of the batch, token of the context
and head. Beyond that, fewer tokens are computed per batch."""


@dataclass(frozen=True, slots=True)
class KvLayers:
    """`layers` layers that each cache `keys` + `values` elements per token, of the last `window` tokens if given."""

    layers: int
    keys: int
    values: int
    window: int | None = None


def cells(ctx: int, window: int | None, *, ubatch: int = _UBATCH) -> int:
    """How many tokens one layer caches at a context of `ctx` tokens."""
    full = _round_up(ctx, CTX_STEP)
    if window is None:
        return full
    return min(full, _round_up(window + ubatch, CTX_STEP))


def kv_bytes(groups: tuple[KvLayers, ...], ctx: int, kv_type: str = "f16", *, ubatch: int = _UBATCH) -> int:
    """Bytes of the whole KV cache of one sequence. Raises KeyError for an unknown `kv_type`."""
    element = _BYTES_PER_ELEMENT[kv_type]
    return sum(
        int(group.layers * (group.keys + group.values) * cells(ctx, group.window, ubatch=ubatch) * element)
        for group in groups
    )


def _round_up(n: int, step: int) -> int:
    return -(-n // step) * step
