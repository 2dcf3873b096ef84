"""The memory of each architecture: which layers have a KV cache, a sliding window or a recurrent state, and how wide.

In: a GGUF's metadata. Out: groups of layers with a KV cache, bytes of recurrent state, bytes of activations. The rules
are llama.cpp's (its `load_arch_hparams` and memory classes), tested against its reports in
`tests/models/test_fit_llama.py`. The metadata is not trusted: callers catch ArithmeticError, LookupError, TypeError and
ValueError.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mull.models.memory.kv_size import KvLayers

UBATCH = 512  # tokens per physical batch of the engine
MOST_LAYERS = 4096  # the deepest models have some 130

# Every n-th layer has full attention and the others a sliding window, where the header does not list the layers.
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
_WINDOWS = {"gemma2": 4096, "llama4": 8192, "smallthinker": 4096}  # where the header may lack the window
# A layer without KV heads is recurrent in these; in others it has no state.
_HYBRID = {"lfm2", "lfm2moe", "granitehybrid", "jamba", "plamo2", "nemotron_h", "nemotron_h_moe"}
ROLLBACK = 3
"""Tokens by which a recurrent state can be rolled back, and so the longest draft for such a model. Each takes the
memory of one more state: 19 MB for the shape of Qwen3.5 0.8B (18 layers, 16 heads of 128 by 128 numbers)."""
_ROLLED_BACK = {"qwen35", "qwen35moe"}  # of those that llama.cpp can roll back, the ones known here
_INTERVAL = {"qwen3next", "qwen35", "qwen35moe"}  # recurrent, except every n-th layer
_BOTH = {"falcon-h1"}  # every layer is both
_RECURRENT = {"mamba", "mamba2", "rwkv6", "rwkv6qwen2", "rwkv7", "arwkv7"}


class ArchitectureMetadata:
    """Metadata of one architecture: keys without its name as their prefix."""

    def __init__(self, metadata: Mapping[str, Any]) -> None:
        self.architecture = str(metadata.get("general.architecture", ""))
        self._metadata = metadata

    def get(self, key: str) -> Any:
        """The value in the file, or None."""
        return self._metadata.get(f"{self.architecture}.{key}")

    def number(self, key: str, default: int | None = None) -> int:
        """A number, or the largest of a list. Raises KeyError if it is missing without a default."""
        value = self.get(key)
        if isinstance(value, Sequence) and not isinstance(value, str):
            value = max(value, default=default)
        if value is None:
            value = default
        if value is None:
            raise KeyError(key)
        return int(value)

    def per_layer(self, key: str, default: int, layers: int) -> list[int]:
        """One number per layer, whether the header has one for all or a list."""
        value = self.get(key)
        if isinstance(value, Sequence) and not isinstance(value, str):
            return ([int(v) for v in value] + [default] * layers)[: max(layers, 1)]
        return [default if value is None else int(value)] * max(layers, 1)


def cache(keys: ArchitectureMetadata) -> tuple[tuple[KvLayers, ...], int]:
    """The groups of layers with a KV cache, and how many layers have a recurrent state."""
    arch = keys.architecture
    layers = keys.number("block_count") - keys.number("nextn_predict_layers", 0)
    heads = keys.per_layer("attention.head_count_kv", keys.number("attention.head_count", 0), layers)
    recurrent = _recurrent(keys, layers, heads)
    windowed, window = _windowed(keys, layers)
    owning = _owning(keys, layers)
    key, value = _head(keys, "key"), _head(keys, "value")
    compressed = keys.get("attention.key_length_mla") is not None  # MLA: keys and values share one row
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


def nextn_cache(keys: ArchitectureMetadata) -> tuple[KvLayers, ...]:
    """The KV cache of a NextN layer, where the model has exactly one: only then is it used."""
    layers = keys.number("block_count")
    if keys.number("nextn_predict_layers", 0) != 1:
        return ()
    heads = keys.per_layer("attention.head_count_kv", keys.number("attention.head_count", 0), layers)[-1]
    return (KvLayers(1, heads * _head(keys, "key"), heads * _head(keys, "value")),)


def saved_states(keys: ArchitectureMetadata) -> int:
    """How many states of earlier tokens are saved beside the current one, from which drafts are taken back."""
    return ROLLBACK if keys.architecture in _ROLLED_BACK else 0


def _head(keys: ArchitectureMetadata, part: str) -> int:
    heads = keys.number("attention.head_count", 0)
    width = keys.number("embedding_length", 0) // heads if heads else 0
    return keys.number(f"attention.{part}_length", width)


def _owning(keys: ArchitectureMetadata, layers: int) -> int:
    """How many layers have their own KV cache; the later ones reuse it."""
    if keys.architecture == "gemma3n":
        return 20
    return layers - keys.number("attention.shared_kv_layers", 0)


def _recurrent(keys: ArchitectureMetadata, layers: int, heads: list[int]) -> list[bool]:
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
        # Each nemotron_h layer does one thing: attention, recurrence or feed-forward.
        plain = arch.startswith("nemotron_h")
        return [not heads[layer] and not (plain and forward[layer]) for layer in range(layers)]
    return [False] * layers


def _windowed(keys: ArchitectureMetadata, layers: int) -> tuple[list[bool], int | None]:
    """Which layers have a sliding window, and its tokens."""
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


def state(keys: ArchitectureMetadata) -> int:
    """Bytes of one recurrent layer's state: the convolution's last inputs and the SSM state, in f32."""
    embedding = keys.number("embedding_length", 0)
    if (cached := keys.number("shortconv.l_cache", 0)) > 0:
        return 4 * embedding * (cached - 1)
    if (head := keys.number("wkv.head_size", 0)) > 0:
        return 4 * embedding * (keys.number("token_shift_count", 2) + head)
    inner, size = keys.number("ssm.inner_size", 0), keys.number("ssm.state_size", 0)
    conv = max(keys.number("ssm.conv_kernel", 0) - 1, 0)
    return 4 * (conv * (inner + 2 * keys.number("ssm.group_count", 0) * size) + size * inner)


def work(keys: ArchitectureMetadata) -> int:
    """Bytes of activations for one batch: the widest step of a layer has some copies of its input beside three of its
    feed-forward part, or of its experts' outputs. Found by watching llama.cpp's allocator."""
    embedding, forward = keys.number("embedding_length", 0), keys.number("feed_forward_length", 0)
    used = max(keys.per_layer("expert_used_count", 0, 1))
    experts = used * keys.number("expert_feed_forward_length", forward)
    copies = 1 if keys.architecture == "gpt2" else 3  # gpt2 has no gate
    widest = max(4 * embedding + copies * max(forward, experts), (2 * used + 6) * embedding)
    side = keys.number("embedding_length_per_layer_input", 0) * keys.number("block_count") * 3 // 2
    streams = embedding * max(keys.number("altup.num_inputs", 1) - 1, 0)
    return 4 * UBATCH * (widest + side + streams)
