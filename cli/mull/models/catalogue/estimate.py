"""A memory layout without a header: estimated from the catalogue's figures, or from nothing but a file's size.

In: a catalogue entry and one of its files, or a number of bytes. Out: a `MemoryLayout` that is marked as not exact.
"""

from __future__ import annotations

from mull.models.catalogue.entry import CatalogueEntry, CatalogueFile
from mull.models.memory.kv_size import KvLayers
from mull.models.memory.layout import MemoryLayout

_BYTES_PER_WEIGHT = 0.6  # of a Q4_K_M file


def from_entry(entry: CatalogueEntry, file: CatalogueFile | None) -> MemoryLayout | None:
    """The layout from the catalogue's figures; None when not even the number of parameters is known."""
    size = file.bytes if file is not None and file.bytes else None
    if size is None:
        if entry.total is None:
            return None
        size = round(entry.total * 1e9 * _BYTES_PER_WEIGHT)
    shape = entry.shape
    share, experts = 1.0, 0
    if shape is not None and shape.experts and entry.total and entry.active:
        share = shape.experts_used / shape.experts
        experts = round(size * min(1.0, (1 - entry.active / entry.total) / (1 - share)))
    layers = shape.layers if shape is not None else 32
    groups = shape.kv if shape is not None else (_typical(entry.total or size / 0.6e9, layers),)
    tied = table = min(size // 20, 1 << 30)  # the embedding table of a large vocabulary
    if not experts and entry.total and entry.active:  # inactive parameters are per-layer embeddings
        table = round(size * (1 - entry.active / entry.total))
    return MemoryLayout(
        layers=layers,
        n_ctx_train=entry.context or 8192,
        weights=size,
        inputs=table,
        output=0,
        tied=tied,
        experts=experts,
        expert_share=share,
        kv=groups,
        state=shape.state_bytes if shape is not None else 0,
        work=(64 << 20) + size // 100,
        exact=False,
    )


def from_size(size: int) -> MemoryLayout:
    """A rough layout from the size of the file alone."""
    table = min(size // 20, 1 << 30)
    return MemoryLayout(
        layers=32,
        n_ctx_train=8192,
        weights=size,
        inputs=table,
        output=0,
        tied=table,
        experts=0,
        expert_share=1.0,
        kv=(_typical(size / _BYTES_PER_WEIGHT / 1e9, 32),),
        state=0,
        work=(64 << 20) + size // 100,
        exact=False,
    )


def _typical(billions: float, layers: int) -> KvLayers:
    """A typical KV cache for a model of unknown shape: 8 KV heads, wider for larger models."""
    row = 1024 if billions > 6 else 512
    return KvLayers(layers, row, row)
