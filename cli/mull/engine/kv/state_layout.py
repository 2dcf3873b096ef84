"""The layout of a saved KV-cache state, as `llama_state_seq_get_data` returns it.

In: its bytes. Out: where each cache of the model (a sliding window has its own) lies in them; the same state for a
context with another number of streams. A context with one KV cache for all sequences has one stream, one with a cache
for each sequence as many as sequences. Raises ValueError, struct.error for a layout of another version of the library.

The layout (llama-context.cpp and llama-kv-cache.cpp), little-endian: a magic number, the sequence; for each cache: the
number of streams; for each stream the number of its cells, and where that is not 0: 12 bytes for each cell (position,
number of sequences, sequence), 24 where positions have several dimensions; whether values are transposed; layers; keys
of each layer (type, bytes per row, rows); values of each layer (type, bytes per row, rows; transposed: type, bytes per
element, dimensions, rows). One sequence has cells in one stream.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import Any

from mull.dataclass import dataclass
from mull.engine.native.heap import state_buffer

COUNTS = struct.Struct("<II")
ROWS = struct.Struct("<iQ")
TRANSPOSED = struct.Struct("<iII")  # as long as ROWS: values are transposed in place

_MAGIC = 0xAF143CD8
_COUNT = struct.Struct("<I")
_CELL_SIZES = (12, 24)  # bytes
_MOST_LAYERS = 1 << 16


@dataclass(frozen=True, slots=True)
class Cache:
    """One cache of the model: bytes `begin` to `end` of a state describe `cells` cells, the data of layers from `data`
    on. All are 0 where the sequence has no cell in it."""

    cells: int
    begin: int
    data: int
    end: int


def caches(view: memoryview) -> list[Cache]:
    """The caches of a state, in their order. Raises ValueError for an unknown layout."""
    for cell in _CELL_SIZES:
        try:
            return list(_walk(view, cell))
        except (struct.error, ValueError):
            continue
    raise ValueError("unknown layout")


def with_streams(state: Any, streams: int) -> Any | None:
    """A copy for a context with this number of streams, as a ctypes array; None where the layout is unknown."""
    with memoryview(state).cast("B") as view:
        try:
            found = caches(view)
        except ValueError:
            return None
        parts: list[bytes | memoryview] = [view[: COUNTS.size]]
        for cache in found:
            empty = streams - (1 if cache.cells else 0)
            parts += [_COUNT.pack(streams), _described(view, cache), bytes(_COUNT.size * empty)]
        return _joined(parts)


def _described(view: memoryview, cache: Cache) -> memoryview:
    """A stream's bytes, from the number of its cells on; none for an empty one."""
    return view[cache.begin - _COUNT.size : cache.end] if cache.cells else view[:0]


def _joined(parts: Sequence[bytes | memoryview]) -> Any:
    whole = state_buffer(sum(map(len, parts)))
    with memoryview(whole).cast("B") as target:
        at = 0
        for part in parts:
            target[at : at + len(part)] = part
            at += len(part)
    return whole


def _walk(view: memoryview, cell: int) -> Iterator[Cache]:
    """`cell`: bytes that describe each cell."""
    magic, _ = COUNTS.unpack_from(view)
    at = COUNTS.size
    if magic != _MAGIC or at == len(view):
        raise ValueError("no state of one sequence")
    while at < len(view):
        (streams,) = _COUNT.unpack_from(view, at)
        at += _COUNT.size
        found = Cache(0, 0, 0, 0)
        for _ in range(streams):
            (cells,) = _COUNT.unpack_from(view, at)
            at += _COUNT.size
            if not cells:
                continue
            if found.cells:
                raise ValueError("cells in several streams")
            found = Cache(cells, at, at + cell * cells, _end(view, at + cell * cells, cells))
            at = found.end
        yield found


def _end(view: memoryview, at: int, cells: int) -> int:
    """Where the layers of a cache end whose data begin at `at`."""
    is_transposed, layers = COUNTS.unpack_from(view, at)
    if is_transposed > 1 or layers >= _MOST_LAYERS:
        raise ValueError("unknown layout")
    at += COUNTS.size
    for number in range(2 * layers):  # keys, then values
        if is_transposed and number >= layers:
            _, size, width = TRANSPOSED.unpack_from(view, at)
            row = size * width
        else:
            _, row = ROWS.unpack_from(view, at)
        at += ROWS.size + row * cells
        if at > len(view):
            raise ValueError("it ends too early")
    return at
