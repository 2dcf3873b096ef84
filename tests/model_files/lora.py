"""LoRA adapters of random models, and the same models with an adapter merged into their weights.

In: a base model's file. Out: an adapter as llama.cpp's converter writes it: two small matrices for each weight matrix,
whose product times alpha / rank is added to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import gguf
import numpy as np

from tests.model_files.finish import finish

ALPHA, RANK = 8.0, 4
WEIGHTS = ("blk.0.attn_q.weight", "blk.1.ffn_down.weight", "output.weight")


def write_lora(
    path: Path,
    base: Path,
    *,
    weights: Sequence[str] = WEIGHTS,
    architecture: str = "qwen3",
    seed: int = 7,
    header: Mapping[str, Any] | None = None,
    kind: type[np.floating[Any] | np.integer[Any]] = np.float32,
) -> Path:
    """Write an adapter of these weights. `header`: values in place of its own; `kind`: the type of its numbers."""
    rng = np.random.default_rng(seed)
    shapes = {tensor.name: tensor.data.shape for tensor in gguf.GGUFReader(base).tensors}
    writer = gguf.GGUFWriter(path, architecture)
    values = {
        "general.type": "adapter",
        "adapter.type": "lora",
        "adapter.lora.alpha": ALPHA,
        **(header or {}),
    }
    for key, value in values.items():
        if isinstance(value, str):
            writer.add_string(key, value)
        elif isinstance(value, float):
            writer.add_float32(key, value)
        else:
            writer.add_uint32(key, value)
    for name in weights:
        rows, columns = shapes.get(name, (8, 8))
        writer.add_tensor(f"{name}.lora_a", rng.normal(0, 0.3, (RANK, columns)).astype(kind))
        writer.add_tensor(f"{name}.lora_b", rng.normal(0, 0.3, (rows, RANK)).astype(kind))
    return finish(writer, path)


def write_merged(path: Path, base: Path, adapters: Mapping[Path, float]) -> Path:
    """Write the base with these adapters, each at its scale, added to its weights."""
    reader = gguf.GGUFReader(base)
    pieces = {file: {t.name: np.array(t.data) for t in gguf.GGUFReader(file).tensors} for file in adapters}
    writer = gguf.GGUFWriter(path, str(reader.fields["general.architecture"].contents()))
    for name, field in reader.fields.items():
        if not name.startswith("GGUF.") and name != "general.architecture":
            element = field.types[-1] if field.types[0] == gguf.GGUFValueType.ARRAY else None
            writer.add_key_value(name, field.contents(), field.types[0], sub_type=element)
    for tensor in reader.tensors:
        data = np.array(tensor.data)
        for file, scale in adapters.items():
            if f"{tensor.name}.lora_a" in pieces[file]:
                a, b = (pieces[file][f"{tensor.name}.lora_{part}"] for part in "ab")
                data = data + np.float32(scale * ALPHA / RANK) * (b @ a)
        writer.add_tensor(tensor.name, data, raw_dtype=tensor.tensor_type)
    return finish(writer, path)
