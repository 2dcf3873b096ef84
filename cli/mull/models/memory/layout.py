"""The memory layout of a model: weights by where they can be placed, KV cache by kind of layer, compute buffers.

In: GGUF metadata and the sizes of the tensors. Out: a `MemoryLayout`. Raises ModelFileError. The rules of each
architecture are in `architecture.py`; layouts without a header are estimated in `catalogue/estimate.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mull.dataclass import dataclass
from mull.errors import ModelFileError
from mull.models.gguf.header import Header
from mull.models.memory.architecture import (
    MOST_LAYERS,
    UBATCH,
    ArchitectureMetadata,
    cache,
    nextn_cache,
    saved_states,
    state,
    work,
)
from mull.models.memory.kv_size import KvLayers, kv_bytes

_EXPERTS = re.compile(r"\.ffn_(?:gate_up|gate|up|down)_exps\.")
# Looked up, never multiplied: always in main memory.
_ON_CPU = ("token_embd.", "per_layer_token_embd.", "token_types.", "position_embd.")


@dataclass(frozen=True, slots=True)
class MemoryLayout:
    """Bytes, layers and tokens.

    `inputs`: embedding tables, always in RAM. `output`: the output matrix; a model without one uses the embedding table
    of `tied` bytes (a GPU gets a copy). `experts`: the experts' part of the layers' weights, of which each token reads
    `expert_share`. `state`: of all recurrent layers. `work`: the compute buffer at an empty context. `exact`: from a
    header, not from the catalogue's figures. `nextn`: the KV cache of the NextN layer that drafts. `saved_states`:
    bytes of the recurrent states from which a draft is taken back.
    """

    layers: int
    n_ctx_train: int
    weights: int
    inputs: int
    output: int
    tied: int
    experts: int
    expert_share: float
    kv: tuple[KvLayers, ...]
    state: int
    work: int
    exact: bool
    nextn: tuple[KvLayers, ...] = ()
    saved_states: int = 0

    @property
    def repeating(self) -> int:
        """Bytes of the layers themselves."""
        return self.weights - self.inputs - self.output

    @property
    def head(self) -> int:
        """Bytes of the output matrix, tied or not."""
        return self.output + self.tied

    @property
    def always_read(self) -> int:
        """Bytes of the layers' weights read per token: all but the inactive experts."""
        return self.repeating - round(self.experts * (1 - self.expert_share))

    def memory(self, ctx: int, kv_type: str = "f16") -> int:
        """Bytes of the KV cache and the recurrent state."""
        return kv_bytes(self.kv, ctx, kv_type) + self.state

    def drafting(self, ctx: int, kv_type: str = "f16") -> int:
        """Bytes that speculative decoding takes beside the model's own memory."""
        return kv_bytes(self.nextn, ctx, kv_type) + self.saved_states

    def compute(self, ctx: int) -> int:
        """Bytes of the compute buffer: activations of one batch, and an attention mask in f16."""
        masks = {group.window for group in self.kv} or {None}
        widths = [ctx if window is None else min(ctx, window + UBATCH) for window in masks]
        return self.work + sum(2 * UBATCH * width for width in widths)


def from_header(metadata: Mapping[str, Any], tensors: Iterable[tuple[str, int]]) -> MemoryLayout:
    """The layout of a GGUF: `tensors` are (name, bytes). Raises ModelFileError unless it is a language model."""
    try:
        return _from_metadata(ArchitectureMetadata(metadata), tensors)
    except (
        ArithmeticError,
        LookupError,
        TypeError,
        ValueError,
    ) as error:  # values of unexpected type or size
        raise ModelFileError(
            "model_not_language",
            "The file's header describes no language model.",
            "It may be a part of one, or damaged.",
        ) from error


def _from_metadata(keys: ArchitectureMetadata, tensors: Iterable[tuple[str, int]]) -> MemoryLayout:
    if not 0 < keys.number("block_count") <= MOST_LAYERS:
        raise ValueError("block_count")
    inputs = output = tied = experts = weights = 0
    has_head = False
    for name, size in tensors:
        weights += size
        if name.startswith(_ON_CPU):
            inputs += size
            tied = size if name.startswith("token_embd.") else tied
        elif name.startswith(("output.", "output_norm")):
            output += size
            has_head = has_head or name == "output.weight"
        elif _EXPERTS.search(name):
            experts += size
    total, used = keys.number("expert_count", 0), max(keys.per_layer("expert_used_count", 0, 1))
    groups, recurrent = cache(keys)
    return MemoryLayout(
        layers=keys.number("block_count"),
        n_ctx_train=max(keys.number("context_length", 4096) or 4096, 1),
        weights=weights,
        inputs=inputs,
        output=output,
        tied=0 if has_head else tied,
        experts=experts,
        expert_share=used / total if total else 1.0,
        kv=groups,
        state=recurrent * state(keys),
        work=work(keys),
        exact=True,
        nextn=nextn_cache(keys),
        saved_states=saved_states(keys) * recurrent * state(keys),
    )


def from_headers(headers: Sequence[Header]) -> MemoryLayout:
    """The layout of a model in one file or several parts; the first part has the metadata."""
    tensors = [pair for header in headers for pair in _sizes(header)]
    return from_header(headers[0].metadata, tensors)


def _sizes(header: Header) -> list[tuple[str, int]]:
    """(name, bytes) of the tensors; one of unknown type is assumed to reach to the next one."""
    ordered = sorted(header.tensors, key=lambda tensor: tensor.offset)
    ends = [
        *(tensor.offset for tensor in ordered[1:]),
        header.size - header.data_offset,
    ]  # one more without tensors
    return [
        (tensor.name, max(0, end - tensor.offset) if tensor.size is None else tensor.size)
        for tensor, end in zip(ordered, ends, strict=False)
    ]
