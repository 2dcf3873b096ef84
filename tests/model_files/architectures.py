"""The tensors and header keys that llama.cpp requires of each architecture, at the smallest size it accepts.

In: a shape, the embedding and the output matrix, for `llama` also one attention head. Out: a writer filled with one
layer whose attention and feed-forward outputs are zero (but for that head): the residual stream passes unchanged.
"""

from __future__ import annotations

from dataclasses import dataclass

import gguf
import numpy as np

HEAD = 64  # a head's size: keys, queries, values
_FF = 32  # feed-forward width; its output is zero

Matrix = np.ndarray


@dataclass(frozen=True)
class Shape:
    """Architecture, vocabulary size, width of the residual stream, context in tokens."""

    architecture: str
    n_vocab: int
    width: int
    n_ctx: int


def write_tensors(
    writer: gguf.GGUFWriter,
    shape: Shape,
    embedding: Matrix,
    output: Matrix,
    attention: tuple[Matrix, Matrix, Matrix, Matrix] | None = None,
) -> None:
    """Header keys and tensors. `attention`: query, key, value (HEAD × width) and output (width × HEAD)."""
    writer.add_context_length(shape.n_ctx)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(1)
    writer.add_feed_forward_length(_FF)
    writer.add_vocab_size(shape.n_vocab)
    writer.add_tensor("token_embd.weight", embedding)
    writer.add_tensor("output.weight", output)
    _WRITERS[shape.architecture](_Layer(writer, shape.width), attention)


class _Layer:
    """Shorthand for the one layer's tensors."""

    def __init__(self, writer: gguf.GGUFWriter, width: int) -> None:
        self.writer = writer
        self.width = width

    def zeros(self, name: str, *shape: int) -> None:
        self.writer.add_tensor(f"blk.0.{name}", np.zeros(shape, dtype=np.float32))

    def ones(self, name: str, *shape: int) -> None:
        self.writer.add_tensor(f"blk.0.{name}", np.ones(shape, dtype=np.float32))

    def put(self, name: str, matrix: Matrix) -> None:
        self.writer.add_tensor(f"blk.0.{name}", matrix)

    def plain_attention(self, *, heads: int = 1) -> None:
        self.zeros("attn_q.weight", HEAD * heads, self.width)
        self.zeros("attn_k.weight", HEAD * heads, self.width)
        self.zeros("attn_v.weight", HEAD * heads, self.width)
        self.zeros("attn_output.weight", self.width, HEAD * heads)

    def plain_feed_forward(self) -> None:
        self.zeros("ffn_gate.weight", _FF, self.width)
        self.zeros("ffn_up.weight", _FF, self.width)
        self.zeros("ffn_down.weight", self.width, _FF)

    def one_head(self) -> None:
        self.writer.add_head_count(1)
        self.writer.add_head_count_kv(1)
        self.writer.add_key_length(HEAD)
        self.writer.add_value_length(HEAD)
        self.writer.add_layer_norm_rms_eps(1e-6)

    def final_norm(self) -> None:
        self.writer.add_tensor("output_norm.weight", np.ones(self.width, dtype=np.float32))


def _llama(layer: _Layer, attention: tuple[Matrix, Matrix, Matrix, Matrix] | None) -> None:
    layer.one_head()
    layer.writer.add_rope_dimension_count(HEAD)
    layer.writer.add_rope_freq_base(1e30)
    layer.final_norm()
    layer.ones("attn_norm.weight", layer.width)
    layer.ones("ffn_norm.weight", layer.width)
    layer.plain_feed_forward()
    if attention is None:
        layer.plain_attention()
        return
    for name, matrix in zip(("attn_q", "attn_k", "attn_v", "attn_output"), attention, strict=True):
        layer.put(f"{name}.weight", matrix)


def _qwen3(layer: _Layer, _attention: object) -> None:
    layer.one_head()
    layer.writer.add_rope_freq_base(1e6)
    layer.final_norm()
    layer.ones("attn_norm.weight", layer.width)
    layer.ones("attn_q_norm.weight", HEAD)
    layer.ones("attn_k_norm.weight", HEAD)
    layer.ones("ffn_norm.weight", layer.width)
    layer.plain_attention()
    layer.plain_feed_forward()


def _gemma3(layer: _Layer, _attention: object) -> None:
    layer.one_head()
    layer.writer.add_sliding_window(512)
    layer.final_norm()
    layer.ones("attn_norm.weight", layer.width)
    layer.ones("attn_q_norm.weight", HEAD)
    layer.ones("attn_k_norm.weight", HEAD)
    layer.ones("ffn_norm.weight", layer.width)
    layer.zeros("post_attention_norm.weight", layer.width)
    layer.zeros("post_ffw_norm.weight", layer.width)
    layer.plain_attention()
    layer.plain_feed_forward()


def _gpt_oss(layer: _Layer, _attention: object) -> None:
    experts = 2
    layer.one_head()
    layer.writer.add_sliding_window(128)
    layer.writer.add_expert_count(experts)
    layer.writer.add_expert_used_count(1)
    layer.writer.add_expert_feed_forward_length(_FF)
    layer.writer.add_rope_freq_base(150000.0)
    layer.final_norm()
    layer.ones("attn_norm.weight", layer.width)
    layer.ones("post_attention_norm.weight", layer.width)
    layer.plain_attention()
    for name in ("attn_q", "attn_k", "attn_v"):
        layer.zeros(f"{name}.bias", HEAD)
    layer.zeros("attn_output.bias", layer.width)
    layer.zeros("attn_sinks.weight", 1)
    layer.zeros("ffn_gate_inp.weight", experts, layer.width)
    layer.zeros("ffn_gate_inp.bias", experts)
    for name in ("ffn_gate_exps", "ffn_up_exps"):
        layer.zeros(f"{name}.weight", experts, _FF, layer.width)
        layer.zeros(f"{name}.bias", experts, _FF)
    layer.zeros("ffn_down_exps.weight", experts, layer.width, _FF)
    layer.zeros("ffn_down_exps.bias", experts, layer.width)


def _deepseek2(layer: _Layer, _attention: object) -> None:
    """Multi-head latent attention, and a dense feed-forward as in the first layers of the real ones."""
    rope, latent = 32, 32
    layer.writer.add_head_count(1)
    layer.writer.add_head_count_kv(1)
    layer.writer.add_layer_norm_rms_eps(1e-6)
    layer.writer.add_key_length(latent + rope)
    layer.writer.add_value_length(latent)
    layer.writer.add_key_length_mla(HEAD)
    layer.writer.add_value_length_mla(HEAD)
    layer.writer.add_q_lora_rank(latent)
    layer.writer.add_kv_lora_rank(latent)
    layer.writer.add_rope_dimension_count(rope)
    layer.writer.add_leading_dense_block_count(1)
    layer.writer.add_expert_feed_forward_length(_FF)
    layer.writer.add_expert_count(2)
    layer.writer.add_expert_used_count(1)
    layer.writer.add_expert_shared_count(1)
    layer.writer.add_expert_weights_scale(1.0)
    layer.final_norm()
    layer.ones("attn_norm.weight", layer.width)
    layer.ones("ffn_norm.weight", layer.width)
    layer.zeros("attn_q_a.weight", latent, layer.width)
    layer.ones("attn_q_a_norm.weight", latent)
    layer.zeros("attn_q_b.weight", HEAD, latent)
    layer.zeros("attn_kv_a_mqa.weight", latent + rope, layer.width)
    layer.ones("attn_kv_a_norm.weight", latent)
    layer.zeros("attn_k_b.weight", 1, latent, HEAD - rope)
    layer.zeros("attn_v_b.weight", 1, HEAD, latent)
    layer.zeros("attn_output.weight", layer.width, HEAD)
    layer.plain_feed_forward()


def _gpt2(layer: _Layer, _attention: object) -> None:
    layer.writer.add_head_count(layer.width // HEAD)
    layer.writer.add_layer_norm_eps(1e-5)
    layer.final_norm()
    layer.writer.add_tensor("output_norm.bias", np.zeros(layer.width, dtype=np.float32))
    layer.writer.add_tensor("position_embd.weight", np.zeros((_GPT2_CTX, layer.width), dtype=np.float32))
    for name in ("attn_norm", "ffn_norm"):
        layer.ones(f"{name}.weight", layer.width)
        layer.zeros(f"{name}.bias", layer.width)
    layer.zeros("attn_qkv.weight", 3 * layer.width, layer.width)
    layer.zeros("attn_qkv.bias", 3 * layer.width)
    layer.zeros("attn_output.weight", layer.width, layer.width)
    layer.zeros("attn_output.bias", layer.width)
    layer.zeros("ffn_up.weight", _FF, layer.width)
    layer.zeros("ffn_up.bias", _FF)
    layer.zeros("ffn_down.weight", layer.width, _FF)
    layer.zeros("ffn_down.bias", layer.width)


_GPT2_CTX = 4096  # gpt2 learns its positions: one row for each

_WRITERS = {
    "llama": _llama,
    "qwen3": _qwen3,
    "gemma3": _gemma3,
    "gpt-oss": _gpt_oss,
    "deepseek2": _deepseek2,
    "gpt2": _gpt2,
}

ARCHITECTURES = tuple(_WRITERS)
