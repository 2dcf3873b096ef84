"""A BERT: an encoder, which makes embeddings. llama.cpp loads it and computes with it, but it has no KV cache.

In: a path. Out: a tiny model with zero weights and a byte-level vocabulary, which tokenizes any text.
"""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np

from tests.model_files.finish import finish
from tests.model_files.vocabulary import Vocabulary

_WIDTH, _FF, _CTX = 32, 32, 64


def write_bert(path: Path, *, marked: bool = True) -> Path:
    """Write the model. `marked`: its header says, as those of converters do, that attention is not causal and outputs
    are pooled."""
    vocabulary = Vocabulary(control=["<|im_start|>", "<|im_end|>"])
    writer = gguf.GGUFWriter(path, "bert")
    vocabulary.write(writer, pre="qwen2", eos="<|im_end|>", bos=None, add_bos=False)
    writer.add_context_length(_CTX)
    writer.add_embedding_length(_WIDTH)
    writer.add_block_count(1)
    writer.add_feed_forward_length(_FF)
    writer.add_head_count(1)
    writer.add_layer_norm_eps(1e-12)
    writer.add_token_type_count(2)
    if marked:
        writer.add_causal_attention(False)
        writer.add_pooling_type(gguf.PoolingType.MEAN)
    shapes = {
        "token_embd": (len(vocabulary), _WIDTH),
        "position_embd": (_CTX, _WIDTH),
        "token_embd_norm": (_WIDTH,),
        **{f"blk.0.{name}": (_WIDTH, _WIDTH) for name in ("attn_q", "attn_k", "attn_v", "attn_output")},
        "blk.0.ffn_up": (_FF, _WIDTH),
        "blk.0.ffn_down": (_WIDTH, _FF),
        "blk.0.attn_output_norm": (_WIDTH,),
        "blk.0.layer_output_norm": (_WIDTH,),
    }
    for name, shape in shapes.items():
        writer.add_tensor(f"{name}.weight", np.zeros(shape, dtype=np.float32))
        if not name.endswith("_embd"):
            writer.add_tensor(f"{name}.bias", np.ones(shape[0], dtype=np.float32))
    return finish(writer, path)
