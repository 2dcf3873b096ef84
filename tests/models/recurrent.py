"""A tiny random Mamba model: a memory that cannot be rolled back to an earlier position.

In: a path. Out: a GGUF that llama.cpp loads and whose every token depends on all before it.
"""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np

from tests.models.vocabulary import Vocabulary

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
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
