"""Run as a script: llama.cpp's own memory report for models of real shapes, without weights.

In: a folder and `architectures.json`, which lists header keys and tensor shapes by architecture. Out, on stdout: for
each the bytes of KV cache, recurrent state and compute buffer from llama.cpp's log, and its count of the weights.
The files are headers followed by nothing (sparse); `no_alloc` makes llama.cpp plan its memory without taking it.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gguf

Q4_K = gguf.GGMLQuantizationType.Q4_K
F32 = gguf.GGMLQuantizationType.F32
CONTEXTS = (1024, 4096, 16384)


def tensors(model: dict[str, Any]) -> Iterator[tuple[str, list[int]]]:
    """Name and shape, the innermost dimension first, as llama.cpp prints them."""
    yield from model["tensors"].items()
    for layer, kind in enumerate(model["layers"]):
        for name, shape in model["kinds"][kind].items():
            yield f"blk.{layer}.{name}", shape


def kind_of(name: str, shape: list[int]) -> gguf.GGMLQuantizationType:
    """Q4_K for the matrices, F32 for the tensors that a converter does not quantize."""
    small = ("norm", "bias", "ffn_gate_inp", "conv", "ssm_a", "ssm_d")
    return F32 if len(shape) == 1 or shape[0] % 256 or any(part in name for part in small) else Q4_K


def size_of(name: str, shape: list[int]) -> int:
    """Bytes of a tensor."""
    block, size = gguf.GGML_QUANT_SIZES[kind_of(name, shape)]
    count = 1
    for dimension in shape:
        count *= dimension
    return count // block * size


def metadata(model: dict[str, Any]) -> dict[str, Any]:
    """The header's metadata."""
    arch = model["architecture"]
    return {
        "general.architecture": arch,
        **{f"{arch}.{key}": value for key, value in model["metadata"].items()},
    }


def write(path: Path, model: dict[str, Any]) -> None:
    """A GGUF with a header of real shapes and a sparse file instead of the weights."""
    writer = gguf.GGUFWriter(None, model["architecture"])
    writer.add_string("tokenizer.ggml.model", "no_vocab")
    for key, value in metadata(model).items():
        if key == "general.architecture":
            continue
        if isinstance(value, bool):
            writer.add_bool(key, value)
        elif isinstance(value, int):
            writer.add_uint32(key, value)
        elif isinstance(value, float):
            writer.add_float32(key, value)
        else:
            writer.add_array(key, value)
    hole = 0
    for name, shape in tensors(model):
        size = size_of(name, shape)
        info = gguf.gguf_writer.TensorInfo(shape=shape[::-1], dtype=kind_of(name, shape), nbytes=size)
        writer.tensors[-1][name] = info
        hole += -(-size // 32) * 32
    writer.write_header_to_file(path)
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    writer.close()
    with path.open("r+b") as file:
        file.truncate(-(-path.stat().st_size // 32) * 32 + hole)


def main() -> None:
    """Simulate every model and print one JSON object."""
    folder = Path(sys.argv[1])
    models = json.loads((Path(__file__).parent / "architectures.json").read_text())
    import llama_cpp.llama_cpp as llama

    log: list[str] = []
    callback = llama.llama_log_callback(
        lambda _level, text, _data: log.append(text.decode("utf-8", "replace"))
    )
    llama.llama_log_set(callback, None)
    llama.llama_backend_init()
    print(json.dumps({name: measure(llama, log, folder, model) for name, model in models.items()}))


def measure(llama: Any, log: list[str], folder: Path, model: dict[str, Any]) -> dict[str, Any]:
    """Load one model and plan a context of each size, as the engine does."""
    path = folder / "model.gguf"
    write(path, model)
    params = llama.llama_model_default_params()
    params.no_alloc, params.load_mode = True, llama.LLAMA_LOAD_MODE_NONE
    handle = llama.llama_model_load_from_file(str(path).encode(), params)
    if not handle:
        raise SystemExit(f"{model['architecture']}: {''.join(log)[-500:]}")
    found: dict[str, Any] = {"weights": llama.llama_model_size(handle)}
    for ctx, kind in [*((ctx, "f16") for ctx in CONTEXTS), (4096, "q8_0")]:
        found[f"{ctx} {kind}"] = plan(llama, log, handle, ctx, kind)
    llama.llama_model_free(handle)
    path.unlink()
    return found


def plan(llama: Any, log: list[str], handle: Any, ctx: int, kind: str) -> dict[str, float]:
    """Bytes of cache (recurrent state included) and compute buffer at one context."""
    log.clear()
    params = llama.llama_context_default_params()
    params.n_ctx, params.n_batch, params.n_ubatch, params.n_outputs_max = ctx, 512, 512, 1
    params.swa_full = False
    if kind == "q8_0":
        params.type_k = params.type_v = llama.GGML_TYPE_Q8_0
        params.flash_attn_type = llama.LLAMA_FLASH_ATTN_TYPE_ENABLED
    context = llama.llama_init_from_model(handle, params)
    text = "".join(log)
    llama.llama_free(context)
    caches = re.findall(r"size = +([\d.]+) MiB \( *\d+ cells", text)
    buffers = re.findall(r"compute buffer size = +([\d.]+) MiB", text)
    return {"memory": sum(map(float, caches)) * 2**20, "compute": sum(map(float, buffers)) * 2**20}


if __name__ == "__main__":
    main()
