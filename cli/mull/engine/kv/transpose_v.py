"""Convert a saved KV-cache state from the flash-attention layout to the non-flash one (V transposed).

In: a state as `llama_state_seq_get_data` returns it, of a context with flash attention. Out: the same state for a
context without, whose cache holds the values transposed: all tokens of one dimension next to each other. None for a
state of unexpected layout (another version of the library, quantized values); its tokens are then computed again.

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
_TRANSPOSED = struct.Struct("<iII")


def transpose_v(state: Any) -> Any | None:
    """`state` is a ctypes array of bytes; the result is a new one."""
    return next(filter(None, (_converted(state, cell) for cell in _CELL_SIZES)), None)


def _converted(state: Any, cell: int) -> Any | None:
    """`cell`: bytes that describe each cell."""
    found = (ctypes.c_uint8 * len(state)).from_buffer_copy(state)
    with memoryview(found).cast("B") as view:
        try:
            magic, _ = _COUNTS.unpack_from(view)
            at = _COUNTS.size
            if magic != _MAGIC or at == len(view):
                return None
            while at < len(view):
                at = _transpose_cache(view, at, cell)
        except (struct.error, ValueError):
            return None
    return found


def _transpose_cache(view: memoryview, at: int, cell: int) -> int:
    """Convert the cache whose state begins at `at`, in place; where it ends. Raises ValueError, struct.error."""
    streams, cells = _COUNTS.unpack_from(view, at)
    at += _COUNTS.size
    if streams != 1:
        raise ValueError("several streams")
    if not cells:
        return at
    at += cell * cells
    is_transposed, layers = _COUNTS.unpack_from(view, at)
    if is_transposed or layers >= 1 << 16:
        raise ValueError("unknown layout")
    _COUNTS.pack_into(view, at, 1, layers)
    at += _COUNTS.size
    for _ in range(layers):
        _, row = _ROWS.unpack_from(view, at)
        at += _ROWS.size + row * cells
    for _ in range(layers):
        kind, row = _ROWS.unpack_from(view, at)
        if kind != _F16 or row % 2:
            raise ValueError("values of another type")
        _TRANSPOSED.pack_into(view, at, kind, 2, row // 2)
        at += _ROWS.size
        values = np.frombuffer(view, np.uint16, row // 2 * cells, at).reshape(cells, row // 2)
        values.reshape(-1)[:] = values.T.flatten()
        at += row * cells
    if at > len(view):
        raise ValueError("it ends too early")
    return at
