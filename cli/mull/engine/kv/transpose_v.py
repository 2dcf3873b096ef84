"""A sequence's state, turned for a context that attends in another way.

In: a state as `llama_state_seq_get_data` gives it, of a cache with flash attention. Out: the same state for a cache
without, which keeps its values the other way round: all tokens of one dimension side by side. None for what is not
laid out as expected (another version of the library, quantized values): then the tokens are computed again.

The layout (llama-context.cpp and llama-kv-cache.cpp), little-endian: a magic number, the sequence; for each cache of
the model (a sliding window has its own): one stream, its cells, 12 bytes for each (position, number of sequences,
sequence), 24 where positions have several dimensions; whether values are turned; layers; keys of each layer (type,
bytes per row, rows); values of each layer (type, bytes per row, rows; turned: type, bytes per element, dimensions,
rows).
"""

from __future__ import annotations

import ctypes
import struct
from typing import Any

import numpy as np

_F16 = 1  # ggml.h, enum ggml_type
_MAGIC = 0xAF143CD8
_CELLS = (12, 24)
_COUNTS = struct.Struct("<II")
_ROWS = struct.Struct("<iQ")
_TURNED = struct.Struct("<iII")


def turned(state: Any) -> Any | None:
    """`state` is a ctypes array of bytes; a new one."""
    return next(filter(None, (_turned(state, cell) for cell in _CELLS)), None)


def _turned(state: Any, cell: int) -> Any | None:
    """`cell`: the bytes that are said of each."""
    found = (ctypes.c_uint8 * len(state)).from_buffer_copy(state)
    with memoryview(found).cast("B") as view:
        try:
            magic, _ = _COUNTS.unpack_from(view)
            at = _COUNTS.size
            if magic != _MAGIC or at == len(view):
                return None
            while at < len(view):
                at = _turn_cache(view, at, cell)
        except (struct.error, ValueError):
            return None
    return found


def _turn_cache(view: memoryview, at: int, cell: int) -> int:
    """Turn the cache whose state begins here, in place; where it ends. Raises ValueError, struct.error."""
    streams, cells = _COUNTS.unpack_from(view, at)
    at += _COUNTS.size
    if streams != 1:
        raise ValueError("several streams")
    if not cells:
        return at
    at += cell * cells
    is_turned, layers = _COUNTS.unpack_from(view, at)
    if is_turned or layers >= 1 << 16:
        raise ValueError("no such layout")
    _COUNTS.pack_into(view, at, 1, layers)
    at += _COUNTS.size
    for _ in range(layers):
        _, row = _ROWS.unpack_from(view, at)
        at += _ROWS.size + row * cells
    for _ in range(layers):
        kind, row = _ROWS.unpack_from(view, at)
        if kind != _F16 or row % 2:
            raise ValueError("values of another type")
        _TURNED.pack_into(view, at, kind, 2, row // 2)
        at += _ROWS.size
        values = np.frombuffer(view, np.uint16, row // 2 * cells, at).reshape(cells, row // 2)
        values.reshape(-1)[:] = values.T.flatten()
        at += row * cells
    if at > len(view):
        raise ValueError("it ends too early")
    return at
