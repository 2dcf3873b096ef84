"""Convert a saved KV-cache state between the layouts of contexts with and without flash attention.

In: a state as `llama_state_seq_get_data` returns it. Out: the same state in the other layout. A context without flash
attention holds the values transposed: all tokens of one dimension next to each other. None for a state of unexpected
layout (another version of the library, quantized values); its tokens are then computed again.

The layout (llama-context.cpp and llama-kv-cache.cpp), little-endian: a magic number, the sequence; for each cache of
the model (a sliding window has its own): one stream, its cells, 12 bytes for each (position, number of sequences,
sequence), 24 where positions have several dimensions; whether values are transposed; layers; keys of each layer (type,
bytes per row, rows); values of each layer (type, bytes per row, rows; transposed: type, bytes per element, dimensions,
rows).
"""

from __future__ import annotations

import ctypes
import struct
from typing import Any

import numpy as np

_F16 = 1  # ggml.h, enum ggml_type
_MAGIC = 0xAF143CD8
_CELL_SIZES = (12, 24)  # bytes
_COUNTS = struct.Struct("<II")
_ROWS = struct.Struct("<iQ")
_TRANSPOSED = struct.Struct("<iII")  # as long as _ROWS: a state is converted in place


def transpose_v(state: Any, *, back: bool = False) -> Any | None:
    """For a context without flash attention; `back`: for one with it. A ctypes array of bytes in, a new one out."""
    return next(filter(None, (_converted(state, cell, back=back) for cell in _CELL_SIZES)), None)


def _converted(state: Any, cell: int, *, back: bool) -> Any | None:
    """`cell`: bytes that describe each cell."""
    found = (ctypes.c_uint8 * len(state)).from_buffer_copy(state)
    with memoryview(found).cast("B") as view:
        try:
            magic, _ = _COUNTS.unpack_from(view)
            at = _COUNTS.size
            if magic != _MAGIC or at == len(view):
                return None
            while at < len(view):
                at = _transpose_cache(view, at, cell, back=back)
        except (struct.error, ValueError):
            return None
    return found


def _transpose_cache(view: memoryview, at: int, cell: int, *, back: bool) -> int:
    """Convert the cache whose state begins at `at`, in place; where it ends. Raises ValueError, struct.error."""
    streams, cells = _COUNTS.unpack_from(view, at)
    at += _COUNTS.size
    if streams != 1:
        raise ValueError("several streams")
    if not cells:
        return at
    at += cell * cells
    is_transposed, layers = _COUNTS.unpack_from(view, at)
    if is_transposed != back or layers >= 1 << 16:
        raise ValueError("unknown layout")
    _COUNTS.pack_into(view, at, not back, layers)
    at += _COUNTS.size
    for _ in range(layers):
        _, row = _ROWS.unpack_from(view, at)
        at += _ROWS.size + row * cells
    for _ in range(layers):
        width = _swap_head(view, at, back=back)
        at += _ROWS.size
        shape = (width, cells) if back else (cells, width)
        values = np.frombuffer(view, np.uint16, width * cells, at).reshape(shape)
        values.reshape(-1)[:] = values.T.flatten()
        at += 2 * width * cells
    if at > len(view):
        raise ValueError("it ends too early")
    return at


def _swap_head(view: memoryview, at: int, *, back: bool) -> int:
    """Replace the head of one layer's values by that of the other layout; the number of dimensions."""
    if back:
        kind, size, width = _TRANSPOSED.unpack_from(view, at)
    else:
        kind, row = _ROWS.unpack_from(view, at)
        size, width = 2 + row % 2, row // 2
    if kind != _F16 or size != 2:
        raise ValueError("values of another type")
    if back:
        _ROWS.pack_into(view, at, kind, 2 * width)
    else:
        _TRANSPOSED.pack_into(view, at, kind, 2, width)
    return int(width)
