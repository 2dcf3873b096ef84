"""A tiny random qwen35 model, hybrid, with a NextN layer or without.

In: a path. Out: a GGUF that llama.cpp loads. The first layer is a gated delta net, whose state depends on all tokens
before; the second is one of attention. The NextN layer follows them. (llama.cpp aborts over a qwen35 without recurrent
layers.)
"""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np

from tests.model_files.vocabulary import Vocabulary

_WIDTH, _HEADS, _KV_HEADS, _HEAD, _FEED_FORWARD = 64, 4, 2, 32, 128
_STATE, _KEY_HEADS, _VALUE_HEADS, _KERNEL = 32, 2, 2, 4


def write_nextn(
    path: Path, *, nextn: bool = True, simple: bool = False, n_vocab: int = 320, seed: int = 5
) -> Path:
    """Write the model. `simple`: no layer adds anything, so that the next token depends on the last one only."""
    layers = 2
    vocabulary = Vocabulary(control=["<|im_start|>", "<|im_end|>"])
    for number in range(n_vocab - len(vocabulary)):
        vocabulary.add(f" tok{number}")
    writer = gguf.GGUFWriter(path, "qwen35")
    writer.add_name("nextn")
    vocabulary.write(writer, pre="qwen2", eos="<|im_end|>", bos=None, add_bos=False)
    writer.add_context_length(4096)
    writer.add_embedding_length(_WIDTH)
    writer.add_block_count(layers + nextn)
    writer.add_feed_forward_length(_FEED_FORWARD)
    writer.add_head_count(_HEADS)
    writer.add_head_count_kv(_KV_HEADS)
    writer.add_key_length(_HEAD)
    writer.add_value_length(_HEAD)
    writer.add_rope_dimension_count(_HEAD)
    writer.add_rope_dimension_sections([_HEAD // 2, 0, 0, 0])
    writer.add_rope_freq_base(1e6)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_ssm_conv_kernel(_KERNEL)
    writer.add_ssm_inner_size(_VALUE_HEADS * _STATE)
    writer.add_ssm_state_size(_STATE)
    writer.add_ssm_time_step_rank(_VALUE_HEADS)
    writer.add_ssm_group_count(_KEY_HEADS)
    writer.add_uint32("qwen35.full_attention_interval", layers)
    if nextn:
        writer.add_uint32("qwen35.nextn_predict_layers", 1)
    weights = _Weights(writer, np.random.default_rng(seed), simple=simple)
    weights.normal("token_embd.weight", n_vocab, _WIDTH, spread=1.0)
    weights.normal("output.weight", n_vocab, _WIDTH, spread=0.5)
    weights.ones("output_norm.weight", _WIDTH)
    for layer in range(layers):
        weights.layer(layer, recurrent=layer + 1 < layers)
    if nextn:
        at = f"blk.{layers}."
        weights.layer(layers)
        weights.joining(f"{at}nextn.eh_proj.weight")
        for name in ("enorm", "hnorm", "shared_head_norm"):
            weights.ones(f"{at}nextn.{name}.weight", _WIDTH)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


class _Weights:
    def __init__(self, writer: gguf.GGUFWriter, rng: np.random.Generator, *, simple: bool) -> None:
        self._writer = writer
        self._simple = simple
        self._rng = rng

    def layer(self, number: int, *, recurrent: bool = False) -> None:
        at = f"blk.{number}."
        self.ones(f"{at}attn_norm.weight", _WIDTH)
        self.ones(f"{at}post_attention_norm.weight", _WIDTH)
        self.normal(f"{at}ffn_gate.weight", _FEED_FORWARD, _WIDTH)
        self.normal(f"{at}ffn_up.weight", _FEED_FORWARD, _WIDTH)
        self.normal(f"{at}ffn_down.weight", _WIDTH, _FEED_FORWARD)
        if recurrent:
            keys, values = _KEY_HEADS * _STATE, _VALUE_HEADS * _STATE
            self.normal(f"{at}attn_qkv.weight", 2 * keys + values, _WIDTH)
            self.normal(f"{at}attn_gate.weight", values, _WIDTH)
            self.normal(f"{at}ssm_conv1d.weight", 2 * keys + values, _KERNEL)
            self.normal(f"{at}ssm_dt.bias", _VALUE_HEADS, spread=0.1)
            self._writer.add_tensor(f"{at}ssm_a", np.full(_VALUE_HEADS, -0.05, dtype=np.float32))
            self.normal(f"{at}ssm_beta.weight", _VALUE_HEADS, _WIDTH)
            self.normal(f"{at}ssm_alpha.weight", _VALUE_HEADS, _WIDTH)
            self.ones(f"{at}ssm_norm.weight", _STATE)
            self.normal(f"{at}ssm_out.weight", _WIDTH, values)
            return
        self.normal(f"{at}attn_q.weight", 2 * _HEADS * _HEAD, _WIDTH)  # queries and gates
        self.normal(f"{at}attn_k.weight", _KV_HEADS * _HEAD, _WIDTH)
        self.normal(f"{at}attn_v.weight", _KV_HEADS * _HEAD, _WIDTH)
        self.normal(f"{at}attn_output.weight", _WIDTH, _HEADS * _HEAD)
        self.ones(f"{at}attn_q_norm.weight", _HEAD)
        self.ones(f"{at}attn_k_norm.weight", _HEAD)

    def joining(self, name: str) -> None:
        """The matrix that joins a token's embedding with the hidden state before it; `simple`: takes the embedding."""
        if self._simple:
            self._writer.add_tensor(name, np.eye(_WIDTH, 2 * _WIDTH, dtype=np.float32))
        else:
            self.normal(name, _WIDTH, 2 * _WIDTH)

    def ones(self, name: str, *shape: int) -> None:
        self._writer.add_tensor(name, np.ones(shape, dtype=np.float32))

    def normal(self, name: str, *shape: int, spread: float | None = None) -> None:
        data = self._rng.normal(0, spread or shape[-1] ** -0.5, shape)
        if self._simple and name.endswith(("ffn_down.weight", "attn_output.weight", "ssm_out.weight")):
            data *= 0
        self._writer.add_tensor(name, data.astype(np.float32))
