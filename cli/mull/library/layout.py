"""A model's header → what it takes in memory: weights by place, KV cache by kind of layer, work space.

In: GGUF metadata and the sizes of the tensors, or a catalogue entry where no header was read. Out: a `Layout`.
The rules for each architecture are llama.cpp's own (its `load_arch_hparams` and memory classes), checked against what
it reports in `tests/library/test_fit_llama.py`. Nothing here reads a file or knows a machine.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mull.errors import ModelFileError
from mull.library.entry import CatalogueFile, Entry
from mull.library.gguf import Header
from mull.library.kv import KvLayers, kv_bytes

# Every n-th layer sees the whole context and the others a window, where the header does not list the layers.
_FULL_EVERY = {
    "gemma2": 2,
    "gemma3": 6,
    "gemma3n": 5,
    "gemma4": 6,
    "gpt-oss": 2,
    "cohere2": 4,
    "cohere2moe": 4,
    "llama4": 4,
    "muse-glimmer": 4,
    "olmo2": 4,
    "smallthinker": 4,
    "granite-swa": 4,
}
_WINDOWS = {"gemma2": 4096, "llama4": 8192, "smallthinker": 4096}  # where the header may leave the window out
# A layer without KV heads is recurrent here; elsewhere it just keeps nothing.
_HYBRID = {"lfm2", "lfm2moe", "granitehybrid", "jamba", "plamo2", "nemotron_h", "nemotron_h_moe"}
_INTERVAL = {"qwen3next", "qwen35", "qwen35moe"}  # recurrent but for every n-th layer
_BOTH = {"falcon-h1"}  # every layer is both
_RECURRENT = {"mamba", "mamba2", "rwkv6", "rwkv6qwen2", "rwkv7", "arwkv7"}

_LAYER = re.compile(r"blk\.(\d+)\.")
_EXPERTS = re.compile(r"\.ffn_(?:gate_up|gate|up|down)_exps\.")
_ON_CPU = (
    "token_embd.",
    "per_layer_token_embd.",
    "token_types.",
    "position_embd.",
)  # looked up, never multiplied
_UBATCH = 512  # tokens that the engine computes at once


@dataclass(frozen=True, slots=True)
class Layout:
    """Bytes, layers and tokens.

    `inputs`: embedding tables, always in RAM. `output`: the last matrix; where the model has none of its own, `tied` is
    the table that serves as one (a device gets a copy of it). `experts`: the part of the layers' weights that only some
    tokens need, each token `expert_share` of it. `state`: of all recurrent layers. `work`: the compute buffer at an
    empty context. `exact`: from a header, not from a catalogue's figures.
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

    @property
    def repeating(self) -> int:
        """Bytes of the layers themselves."""
        return self.weights - self.inputs - self.output

    @property
    def head(self) -> int:
        """Bytes of the matrix that makes logits, its own or tied."""
        return self.output + self.tied

    @property
    def always_read(self) -> int:
        """Bytes of the layers' weights that every token reads: all but the experts that sleep."""
        return self.repeating - round(self.experts * (1 - self.expert_share))

    def memory(self, ctx: int, kv_type: str = "f16") -> int:
        """Bytes of everything that grows with the context, recurrent state included."""
        return kv_bytes(self.kv, ctx, kv_type) + self.state

    def compute(self, ctx: int) -> int:
        """Bytes of the compute buffer: activations of one batch, and a mask of f16 per token and cell."""
        masks = {group.window for group in self.kv} or {None}
        widths = [ctx if window is None else min(ctx, window + _UBATCH) for window in masks]
        return self.work + sum(2 * _UBATCH * width for width in widths)


def from_header(metadata: Mapping[str, Any], tensors: Iterable[tuple[str, int]]) -> Layout:
    """The layout of a GGUF: `tensors` are (name, bytes). Raises ModelFileError for a header that describes no model."""
    keys = _Keys(metadata)
    if keys.get("block_count") is None:
        raise ModelFileError(
            "no_model", "The file's header describes no language model.", "It may be a part of one."
        )
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
    groups, recurrent = _cache(keys)
    return Layout(
        layers=keys.number("block_count"),
        n_ctx_train=keys.number("context_length", 4096),
        weights=weights,
        inputs=inputs,
        output=output,
        tied=0 if has_head else tied,
        experts=experts,
        expert_share=used / total if total else 1.0,
        kv=groups,
        state=recurrent * _state(keys),
        work=_work(keys),
        exact=True,
    )


def from_headers(headers: Sequence[Header]) -> Layout:
    """The layout of a model in one file or several parts; the first part has the metadata."""
    tensors = [pair for header in headers for pair in _sizes(header)]
    return from_header(headers[0].metadata, tensors)


def _sizes(header: Header) -> list[tuple[str, int]]:
    """(name, bytes) of the tensors; one of a type that the reader does not know reaches to the next one."""
    ordered = sorted(header.tensors, key=lambda tensor: tensor.offset)
    ends = [*(tensor.offset for tensor in ordered[1:]), header.size - header.data_offset]
    return [
        (tensor.name, max(0, end - tensor.offset) if tensor.size is None else tensor.size)
        for tensor, end in zip(ordered, ends, strict=True)
    ]


def from_entry(entry: Entry, file: CatalogueFile | None) -> Layout | None:
    """The layout that the catalogue's figures give; None when not even the parameters are known."""
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
    tied = table = min(size // 20, 1 << 30)  # the embedding table of a big vocabulary
    if not experts and entry.total and entry.active:  # what is not active are embeddings of every layer
        table = round(size * (1 - entry.active / entry.total))
    return Layout(
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


def from_size(size: int) -> Layout:
    """A rough layout where nothing but the size of the file is known."""
    table = min(size // 20, 1 << 30)
    return Layout(
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


_BYTES_PER_WEIGHT = 0.6  # of a Q4_K_M file


def _typical(billions: float, layers: int) -> KvLayers:
    """A middling cache for a model whose shape nobody wrote down: 8 KV heads, wider with the model."""
    row = 1024 if billions > 6 else 512
    return KvLayers(layers, row, row)


class _Keys:
    """Metadata of one architecture, by the part of the key behind its name."""

    def __init__(self, metadata: Mapping[str, Any]) -> None:
        self.architecture = str(metadata.get("general.architecture", ""))
        self._metadata = metadata

    def get(self, key: str) -> Any:
        return self._metadata.get(f"{self.architecture}.{key}")

    def number(self, key: str, default: int | None = None) -> int:
        """A number, or the largest of a list. Raises KeyError when it is missing and has no default."""
        value = self.get(key)
        if isinstance(value, Sequence) and not isinstance(value, str):
            value = max(value, default=default)
        if value is None:
            value = default
        if value is None:
            raise KeyError(key)
        return int(value)

    def per_layer(self, key: str, default: int, layers: int) -> list[int]:
        """One number per layer, whether the header says one for all or a list."""
        value = self.get(key)
        if isinstance(value, Sequence) and not isinstance(value, str):
            return ([int(v) for v in value] + [default] * layers)[: max(layers, 1)]
        return [default if value is None else int(value)] * max(layers, 1)


def _cache(keys: _Keys) -> tuple[tuple[KvLayers, ...], int]:
    """The groups of layers that keep a KV cache, and how many layers keep a recurrent state."""
    arch = keys.architecture
    layers = keys.number("block_count") - keys.number("nextn_predict_layers", 0)
    heads = keys.per_layer("attention.head_count_kv", keys.number("attention.head_count", 0), layers)
    recurrent = _recurrent(keys, layers, heads)
    windowed, window = _windowed(keys, layers)
    owning = _owning(keys, layers)
    key, value = _head(keys, "key"), _head(keys, "value")
    compressed = keys.get("attention.key_length_mla") is not None  # keys and values share one row
    counted: dict[KvLayers, int] = {}
    for layer in range(min(layers, owning)):
        if not heads[layer] or (recurrent[layer] and arch not in _BOTH):
            continue
        swa = windowed[layer]
        row = heads[layer] * (keys.number("attention.key_length_swa", key) if swa else key)
        other = heads[layer] * (keys.number("attention.value_length_swa", value) if swa else value)
        group = KvLayers(1, row, 0 if compressed else other, window if swa else None)
        counted[group] = counted.get(group, 0) + 1
    groups = tuple(KvLayers(n, g.keys, g.values, g.window) for g, n in counted.items())
    return groups, sum(recurrent)


def _head(keys: _Keys, part: str) -> int:
    heads = keys.number("attention.head_count", 0)
    width = keys.number("embedding_length", 0) // heads if heads else 0
    return keys.number(f"attention.{part}_length", width)


def _owning(keys: _Keys, layers: int) -> int:
    """How many layers have a cache of their own; the ones behind them reuse it."""
    if keys.architecture == "gemma3n":
        return 20
    return layers - keys.number("attention.shared_kv_layers", 0)


def _recurrent(keys: _Keys, layers: int, heads: list[int]) -> list[bool]:
    arch = keys.architecture
    if arch in _RECURRENT or arch in _BOTH:
        return [True] * layers
    if arch in _INTERVAL:
        listed = keys.get("attention.recurrent_layers")
        if isinstance(listed, Sequence):
            return [bool(one) for one in listed][:layers]
        every = keys.number("full_attention_interval", 4)
        return [(layer + 1) % every != 0 for layer in range(layers)]
    if arch in _HYBRID:
        forward = keys.per_layer("feed_forward_length", 0, layers)
        plain = arch.startswith(
            "nemotron_h"
        )  # its layers do one thing each: attention, recurrence or feed-forward
        return [not heads[layer] and not (plain and forward[layer]) for layer in range(layers)]
    return [False] * layers


def _windowed(keys: _Keys, layers: int) -> tuple[list[bool], int | None]:
    """Which layers see only a window, and how many tokens it holds."""
    arch = keys.architecture
    window = keys.number("attention.sliding_window", _WINDOWS.get(arch, 0))
    if arch == "lfm2" and window:
        return [True] * layers, window
    if not window or arch not in _FULL_EVERY:
        return [False] * layers, None
    pattern = keys.get("attention.sliding_window_pattern")
    if isinstance(pattern, Sequence) and not isinstance(pattern, str):
        return [bool(one) for one in pattern][:layers], window
    every = int(pattern) if pattern else _FULL_EVERY[arch]
    return [layer % every < every - 1 for layer in range(layers)], window


def _state(keys: _Keys) -> int:
    """Bytes of one recurrent layer's state: the convolution's last inputs and the state proper, in f32."""
    embedding = keys.number("embedding_length", 0)
    if (cached := keys.number("shortconv.l_cache", 0)) > 0:
        return 4 * embedding * (cached - 1)
    if (head := keys.number("wkv.head_size", 0)) > 0:
        return 4 * embedding * (keys.number("token_shift_count", 2) + head)
    inner, size = keys.number("ssm.inner_size", 0), keys.number("ssm.state_size", 0)
    conv = max(keys.number("ssm.conv_kernel", 0) - 1, 0)
    return 4 * (conv * (inner + 2 * keys.number("ssm.group_count", 0) * size) + size * inner)


def _work(keys: _Keys) -> int:
    """Bytes of activations for one batch: the widest step of a layer holds some copies of its input beside three of
    its feed-forward part, or of what its experts return. Found by watching llama.cpp's allocator."""
    embedding, forward = keys.number("embedding_length", 0), keys.number("feed_forward_length", 0)
    used = max(keys.per_layer("expert_used_count", 0, 1))
    experts = used * keys.number("expert_feed_forward_length", forward)
    copies = 1 if keys.architecture == "gpt2" else 3  # no gate beside it
    widest = max(4 * embedding + copies * max(forward, experts), (2 * used + 6) * embedding)
    side = keys.number("embedding_length_per_layer_input", 0) * keys.number("block_count") * 3 // 2
    streams = embedding * max(keys.number("altup.num_inputs", 1) - 1, 0)
    return 4 * _UBATCH * (widest + side + streams)
