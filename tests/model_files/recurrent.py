"""Tiny random models whose state cannot be truncated to an earlier position: Mamba, and a hybrid (LFM2).

In: a path. Out: a GGUF that llama.cpp loads and whose every token depends on all before it (the hybrid's second layer
is one of attention, its first remembers the last tokens only).
"""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np

from tests.model_files.finish import finish
from tests.model_files.vocabulary import Vocabulary

_WIDTH, _INNER, _STATE, _KERNEL, _RANK = 64, 128, 16, 4, 8


def write_recurrent(path: Path, *, seed: int = 3) -> Path:
    """Write the model: two Mamba layers."""
    rng = np.random.default_rng(seed)
    vocabulary = Vocabulary(control=["<|im_start|>", "<|im_end|>"])
    writer = gguf.GGUFWriter(path, "mamba")
    writer.add_name("recurrent")
    vocabulary.write(writer, pre="qwen2", eos="<|im_end|>", bos=None, add_bos=False)
    writer.add_context_length(4096)
    writer.add_embedding_length(_WIDTH)
    writer.add_feed_forward_length(0)
    writer.add_head_count(0)
    writer.add_block_count(2)
    writer.add_ssm_conv_kernel(_KERNEL)
    writer.add_ssm_inner_size(_INNER)
    writer.add_ssm_state_size(_STATE)
    writer.add_ssm_time_step_rank(_RANK)
    writer.add_layer_norm_rms_eps(1e-5)

    def normal(name: str, *shape: int, spread: float | None = None) -> None:
        data = rng.normal(0, spread or shape[-1] ** -0.5, shape)
        writer.add_tensor(name, data.astype(np.float32))

    normal("token_embd.weight", len(vocabulary), _WIDTH, spread=1.0)
    normal("output.weight", len(vocabulary), _WIDTH, spread=0.5)
    writer.add_tensor("output_norm.weight", np.ones(_WIDTH, dtype=np.float32))
    for layer in range(2):
        at = f"blk.{layer}."
        writer.add_tensor(f"{at}attn_norm.weight", np.ones(_WIDTH, dtype=np.float32))
        normal(f"{at}ssm_in.weight", 2 * _INNER, _WIDTH)
        normal(f"{at}ssm_conv1d.weight", _INNER, _KERNEL)
        normal(f"{at}ssm_conv1d.bias", _INNER, spread=0.1)
        normal(f"{at}ssm_x.weight", _RANK + 2 * _STATE, _INNER)
        normal(f"{at}ssm_dt.weight", _INNER, _RANK)
        normal(f"{at}ssm_dt.bias", _INNER, spread=0.1)
        writer.add_tensor(f"{at}ssm_a", -np.tile(np.arange(1, _STATE + 1, dtype=np.float32), (_INNER, 1)))
        writer.add_tensor(f"{at}ssm_d", np.ones(_INNER, dtype=np.float32))
        normal(f"{at}ssm_out.weight", _WIDTH, _INNER)
    return finish(writer, path)


def write_hybrid(path: Path, *, seed: int = 4) -> Path:
    """Write the model: a layer of short convolution and one of attention."""
    heads, kv_heads, feed_forward = 4, 2, 128
    head = _WIDTH // heads
    rng = np.random.default_rng(seed)
    vocabulary = Vocabulary(control=["<|im_start|>", "<|im_end|>"])
    writer = gguf.GGUFWriter(path, "lfm2")
    writer.add_name("hybrid")
    vocabulary.write(writer, pre="qwen2", eos="<|im_end|>", bos=None, add_bos=False)
    writer.add_context_length(4096)
    writer.add_embedding_length(_WIDTH)
    writer.add_feed_forward_length(feed_forward)
    writer.add_block_count(2)
    writer.add_head_count(heads)
    writer.add_head_count_kv([0, kv_heads])
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(1e6)
    writer.add_vocab_size(len(vocabulary))
    writer.add_shortconv_l_cache(3)

    def normal(name: str, *shape: int, spread: float | None = None) -> None:
        data = rng.normal(0, spread or shape[-1] ** -0.5, shape)
        writer.add_tensor(name, data.astype(np.float32))

    normal("token_embd.weight", len(vocabulary), _WIDTH, spread=1.0)
    normal("output.weight", len(vocabulary), _WIDTH, spread=0.5)
    writer.add_tensor("token_embd_norm.weight", np.ones(_WIDTH, dtype=np.float32))
    for layer in range(2):
        at = f"blk.{layer}."
        for name in ("attn_norm", "ffn_norm"):
            writer.add_tensor(f"{at}{name}.weight", np.ones(_WIDTH, dtype=np.float32))
        normal(f"{at}ffn_gate.weight", feed_forward, _WIDTH)
        normal(f"{at}ffn_up.weight", feed_forward, _WIDTH)
        normal(f"{at}ffn_down.weight", _WIDTH, feed_forward)
    normal("blk.0.shortconv.conv.weight", _WIDTH, 3)
    normal("blk.0.shortconv.in_proj.weight", 3 * _WIDTH, _WIDTH)
    normal("blk.0.shortconv.out_proj.weight", _WIDTH, _WIDTH)
    for name in ("attn_q_norm", "attn_k_norm"):
        writer.add_tensor(f"blk.1.{name}.weight", np.ones(head, dtype=np.float32))
    normal("blk.1.attn_q.weight", heads * head, _WIDTH)
    normal("blk.1.attn_k.weight", kv_heads * head, _WIDTH)
    normal("blk.1.attn_v.weight", kv_heads * head, _WIDTH)
    normal("blk.1.attn_output.weight", _WIDTH, heads * head)
    return finish(writer, path)
