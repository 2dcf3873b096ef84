"""Start a training from a shipped GGUF: `python -m pebble.grow cli/mull/data/pebble.gguf build/start.pt`.

A smaller model with the same vocabulary grows without changing its output: new layers and the new part of every
feed-forward start with zero output. Only the Q8_0 rounding is lost.
"""

import argparse
from pathlib import Path

import gguf
import numpy as np
import torch
from torch import Tensor

from pebble import tokenizer
from pebble.model import Pebble, Shape
from pebble.train import report


def _read(path: Path) -> dict[str, Tensor]:
    values = {}
    for tensor in gguf.GGUFReader(path).tensors:
        packed = tensor.tensor_type == gguf.GGMLQuantizationType.Q8_0
        array = gguf.quants.dequantize(tensor.data, tensor.tensor_type) if packed else tensor.data
        values[tensor.name] = torch.from_numpy(np.array(array, dtype=np.float32))
    return values


def grow(path: Path, shape: Shape) -> dict[str, Tensor]:
    """The state of a network of `shape` that computes the same as the GGUF; new layers are spread evenly."""
    old, state = _read(path), Pebble(shape).state_dict()
    count = sum(name.endswith("attn_q.weight") for name in old)
    state["embedding"].copy_(old["token_embd.weight"])
    state["norm"].copy_(old["output_norm.weight"])
    for source in range(count):
        a, b = f"blk.{source}.", f"blocks.{source + source * (shape.layers - count) // count}."
        for new, name in (("attention_norm", "attn_norm"), ("forward_norm", "ffn_norm"), ("out", "attn_output"),
                          ("query_norm", "attn_q_norm"), ("key_norm", "attn_k_norm")):  # fmt: skip
            state[b + new].copy_(old[f"{a}{name}.weight"])
        state[b + "qkv"].copy_(torch.cat([old[f"{a}attn_{part}.weight"] for part in "qkv"]))
        gate, up, down = (old[f"{a}ffn_{part}.weight"] for part in ("gate", "up", "down"))
        state[b + "gate_up"][: len(gate)] = gate
        state[b + "gate_up"][shape.hidden : shape.hidden + len(up)] = up
        state[b + "down"][:, : down.shape[1]] = down
    return state


def main() -> None:
    """Parse the flags and write the weights."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    args = parser.parse_args()
    torch.manual_seed(0)
    args.target.parent.mkdir(parents=True, exist_ok=True)
    torch.save(grow(args.source, Shape(len(tokenizer.vocabulary()[0]))), args.target)
    report(f"{args.target}: begin with `python -m pebble.train --start {args.target}`")


if __name__ == "__main__":
    main()
