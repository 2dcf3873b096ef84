"""Convert a saved KV-cache state between the layouts of contexts with and without flash attention.

In: a state as `llama_state_seq_get_data` returns it. Out: the same state in the other layout. A context without flash
attention holds the values transposed: all tokens of one dimension next to each other. None for a state of unexpected
layout (another version of the library, quantized values); its tokens are then computed again.
"""

from __future__ import annotations

import ctypes
import struct
from typing import Any

import numpy as np

from mull.engine.kv.state_layout import COUNTS, ROWS, TRANSPOSED, Cache, caches

_F16 = 1  # ggml.h, enum ggml_type


def transpose_v(state: Any, *, back: bool = False) -> Any | None:
    """For a context without flash attention; `back`: for one with it. A ctypes array of bytes in, a new one out."""
    found = (ctypes.c_uint8 * len(state)).from_buffer_copy(state)
    with memoryview(found).cast("B") as view:
        try:
            for cache in caches(view):
                if cache.cells:
                    _transpose_cache(view, cache, back=back)
        except (struct.error, ValueError):
            return None
    return found


def _transpose_cache(view: memoryview, cache: Cache, *, back: bool) -> None:
    """Convert one cache in place. Raises ValueError, struct.error."""
    at, cells = cache.data, cache.cells
    is_transposed, layers = COUNTS.unpack_from(view, at)
    if is_transposed != back:
        raise ValueError("converted already")
    COUNTS.pack_into(view, at, not back, layers)
    at += COUNTS.size
    for _ in range(layers):
        _, row = ROWS.unpack_from(view, at)
        at += ROWS.size + row * cells
    for _ in range(layers):
        width = _swap_head(view, at, back=back)
        at += ROWS.size
        shape = (width, cells) if back else (cells, width)
        values = np.frombuffer(view, np.uint16, width * cells, at).reshape(shape)
        values.reshape(-1)[:] = values.T.flatten()
        at += 2 * width * cells


def _swap_head(view: memoryview, at: int, *, back: bool) -> int:
    """Replace the head of one layer's values by that of the other layout; the number of dimensions."""
    if back:
        kind, size, width = TRANSPOSED.unpack_from(view, at)
    else:
        kind, row = ROWS.unpack_from(view, at)
        size, width = 2 + row % 2, row // 2
    if kind != _F16 or size != 2:
        raise ValueError("values of another type")
    if back:
        ROWS.pack_into(view, at, kind, 2 * width)
    else:
        TRANSPOSED.pack_into(view, at, kind, 2, width)
    return int(width)
