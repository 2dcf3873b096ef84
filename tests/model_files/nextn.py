"""A tiny random qwen35 model, hybrid, with a NextN layer or without.

In: a path. Out: a GGUF that llama.cpp loads. The first layer is a gated delta net, whose state depends on all tokens
before; the second is one of attention. The NextN layer follows them. (llama.cpp aborts over a qwen35 without recurrent
layers.)
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np

from tests.model_files.finish import finish
from tests.model_files.vocabulary import Vocabulary

_KERNEL = 4


@dataclass(frozen=True, slots=True)
class Shape:
    """Of the layers; every `interval`-th one is of attention. `state`: width of a recurrent head, of which there are
    `state_heads`."""

    layers: int = 2
    interval: int = 2
    width: int = 64
    heads: int = 4
    kv_heads: int = 2
    head: int = 32
    feed_forward: int = 128
    state: int = 32
    state_heads: int = 2


TINY = Shape()


def write_nextn(
    path: Path,
    *,
    nextn: bool = True,
    simple: bool = False,
    n_vocab: int = 320,
    seed: int = 5,
    shape: Shape = TINY,
    quantized: bool = False,
) -> Path:
    """Write the model. `simple`: no layer adds anything, so that the next token depends on the last one only.

    `quantized`: matrices in Q8_0, else all in f32.
    """
    layers = shape.layers
    writer = gguf.GGUFWriter(path, "qwen35")
    writer.add_name("nextn")
    Vocabulary.numbered(n_vocab).write(writer, pre="qwen2", eos="<|im_end|>", bos=None, add_bos=False)
    writer.add_context_length(4096)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(layers + nextn)
    writer.add_feed_forward_length(shape.feed_forward)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_key_length(shape.head)
    writer.add_value_length(shape.head)
    writer.add_rope_dimension_count(shape.head)
    writer.add_rope_dimension_sections([shape.head // 2, 0, 0, 0])
    writer.add_rope_freq_base(1e6)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_ssm_conv_kernel(_KERNEL)
    writer.add_ssm_inner_size(shape.state_heads * shape.state)
    writer.add_ssm_state_size(shape.state)
    writer.add_ssm_time_step_rank(shape.state_heads)
    writer.add_ssm_group_count(shape.state_heads)
    writer.add_uint32("qwen35.full_attention_interval", shape.interval)
    if nextn:
        writer.add_uint32("qwen35.nextn_predict_layers", 1)
    weights = _Weights(writer, np.random.default_rng(seed), shape, simple=simple, quantized=quantized)
    weights.normal("token_embd.weight", n_vocab, shape.width, spread=1.0)
    weights.normal("output.weight", n_vocab, shape.width, spread=0.5)
    weights.ones("output_norm.weight", shape.width)
    for layer in range(layers):
        weights.layer(layer, recurrent=(layer + 1) % shape.interval != 0)
    if nextn:
        at = f"blk.{layers}."
        weights.layer(layers)
        weights.joining(f"{at}nextn.eh_proj.weight")
        for name in ("enorm", "hnorm", "shared_head_norm"):
            weights.ones(f"{at}nextn.{name}.weight", shape.width)
    return finish(writer, path)


class _Weights:
    def __init__(
        self,
        writer: gguf.GGUFWriter,
        rng: np.random.Generator,
        shape: Shape,
        *,
        simple: bool,
        quantized: bool,
    ) -> None:
        self._writer = writer
        self._shape = shape
        self._simple = simple
        self._quantized = quantized
        self._rng = rng

    def layer(self, number: int, *, recurrent: bool = False) -> None:
        shape = self._shape
        at = f"blk.{number}."
        self.ones(f"{at}attn_norm.weight", shape.width)
        self.ones(f"{at}post_attention_norm.weight", shape.width)
        self.normal(f"{at}ffn_gate.weight", shape.feed_forward, shape.width)
        self.normal(f"{at}ffn_up.weight", shape.feed_forward, shape.width)
        self.normal(f"{at}ffn_down.weight", shape.width, shape.feed_forward)
        if recurrent:
            keys, values = shape.state_heads * shape.state, shape.state_heads * shape.state
            self.normal(f"{at}attn_qkv.weight", 2 * keys + values, shape.width)
            self.normal(f"{at}attn_gate.weight", values, shape.width)
            self.normal(f"{at}ssm_conv1d.weight", 2 * keys + values, _KERNEL)
            self.normal(f"{at}ssm_dt.bias", shape.state_heads, spread=0.1)
            self._writer.add_tensor(f"{at}ssm_a", np.full(shape.state_heads, -0.05, dtype=np.float32))
            self.normal(f"{at}ssm_beta.weight", shape.state_heads, shape.width)
            self.normal(f"{at}ssm_alpha.weight", shape.state_heads, shape.width)
            self.ones(f"{at}ssm_norm.weight", shape.state)
            self.normal(f"{at}ssm_out.weight", shape.width, values)
            return
        self.normal(f"{at}attn_q.weight", 2 * shape.heads * shape.head, shape.width)  # queries and gates
        self.normal(f"{at}attn_k.weight", shape.kv_heads * shape.head, shape.width)
        self.normal(f"{at}attn_v.weight", shape.kv_heads * shape.head, shape.width)
        self.normal(f"{at}attn_output.weight", shape.width, shape.heads * shape.head)
        self.ones(f"{at}attn_q_norm.weight", shape.head)
        self.ones(f"{at}attn_k_norm.weight", shape.head)

    def joining(self, name: str) -> None:
        """The matrix that joins a token's embedding with the hidden state before it; `simple`: takes the embedding."""
        width = self._shape.width
        if self._simple:
            self._writer.add_tensor(name, np.eye(width, 2 * width, dtype=np.float32))
        else:
            self.normal(name, width, 2 * width)

    def ones(self, name: str, *shape: int) -> None:
        self._writer.add_tensor(name, np.ones(shape, dtype=np.float32))

    def normal(self, name: str, *shape: int, spread: float | None = None) -> None:
        data = self._rng.normal(0, spread or shape[-1] ** -0.5, shape)
        if self._simple and name.endswith(("ffn_down.weight", "attn_output.weight", "ssm_out.weight")):
            data *= 0
        if self._quantized and "conv1d" not in name and len(shape) == 2:
            kind = gguf.GGMLQuantizationType.Q8_0
            self._writer.add_tensor(name, gguf.quants.quantize(data.astype(np.float32), kind), raw_dtype=kind)
            return
        self._writer.add_tensor(name, data.astype(np.float32))
