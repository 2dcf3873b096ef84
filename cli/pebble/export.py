"""Checkpoint → GGUF: `python -m pebble.export build/pebble.pt cli/mull/data/pebble.gguf`.

Architecture qwen3, Q8_0 matrices, F32 norms, the tokenizer, and the chat template with its `enable_thinking` switch.
"""

import argparse
from pathlib import Path

import gguf
import numpy as np
import torch
from torch import Tensor

from pebble import tokenizer
from pebble.model import Shape
from pebble.train import report

CONTEXT = 4096

# Thinking is on unless enable_thinking is false, which prefills an empty block; earlier turns' thinking is dropped.
TEMPLATE = """\
{%- for message in messages %}
{%- set text = message.content if message.content is string else '' %}
{%- if message.role == 'assistant' and '</think>' in text %}
{%- set text = text.split('</think>')[-1].lstrip('\\n') %}
{%- endif %}
{{- '<|im_start|>' + message.role + '\\n' + text + '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
{{- '<|im_start|>assistant\\n' }}
{%- if enable_thinking is defined and enable_thinking is false %}
{{- '<think>\\n\\n</think>\\n\\n' }}
{%- endif %}
{%- endif %}
"""


def _tensors(state: dict[str, Tensor], shape: Shape) -> dict[str, Tensor]:
    queries, keys = shape.heads * shape.head, shape.kv_heads * shape.head
    named = {"token_embd.weight": state["embedding"], "output_norm.weight": state["norm"]}
    for layer in range(shape.layers):
        old, new = f"blocks.{layer}.", f"blk.{layer}."
        q, k, v = state[old + "qkv"].split((queries, keys, keys))
        gate, up = state[old + "gate_up"].chunk(2)
        named |= {
            new + "attn_norm.weight": state[old + "attention_norm"],
            new + "attn_q.weight": q,
            new + "attn_k.weight": k,
            new + "attn_v.weight": v,
            new + "attn_q_norm.weight": state[old + "query_norm"],
            new + "attn_k_norm.weight": state[old + "key_norm"],
            new + "attn_output.weight": state[old + "out"],
            new + "ffn_norm.weight": state[old + "forward_norm"],
            new + "ffn_gate.weight": gate,
            new + "ffn_up.weight": up,
            new + "ffn_down.weight": state[old + "down"],
        }
    return named


def export(checkpoint: Path, target: Path) -> None:
    """Write the GGUF to a temporary file, then rename it to the target."""
    state = torch.load(checkpoint, weights_only=True)["net"]
    tokens, merges = tokenizer.vocabulary()
    shape = Shape(len(tokens))
    part = target.with_suffix(".part")
    writer = gguf.GGUFWriter(part, "qwen3")
    writer.add_name("pebble")
    writer.add_description(
        "The small built-in model of mull: sums, letters, sorting, short word problems, mull's commands."
    )
    writer.add_license("apache-2.0")
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.hidden)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_key_length(shape.head)
    writer.add_value_length(shape.head)
    writer.add_rope_freq_base(shape.rope_base)
    writer.add_layer_norm_rms_eps(shape.epsilon)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    thinking = ("<think>", "</think>")  # seen in text, as with Qwen3
    kinds = {
        name: gguf.TokenType.USER_DEFINED if name in thinking else gguf.TokenType.CONTROL
        for name in tokenizer.SPECIAL
    }
    writer.add_token_list(tokens)
    writer.add_token_types([kinds.get(token, gguf.TokenType.NORMAL) for token in tokens])
    writer.add_token_merges([" ".join(merge) for merge in merges])
    writer.add_eos_token_id(tokenizer.special("<|im_end|>"))
    writer.add_pad_token_id(tokenizer.special("<|endoftext|>"))
    writer.add_add_bos_token(False)
    writer.add_chat_template(TEMPLATE)
    for name, weight in _tensors(state, shape).items():
        values = weight.numpy().astype(np.float32)
        if values.ndim == 1:
            writer.add_tensor(name, values)
        else:
            packed = gguf.quants.quantize(values, gguf.GGMLQuantizationType.Q8_0)
            writer.add_tensor(name, packed, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    part.replace(target)


def main() -> None:
    """Parse the flags and export the GGUF."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("target", type=Path)
    args = parser.parse_args()
    export(args.checkpoint, args.target)
    report(f"{args.target}: {args.target.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
