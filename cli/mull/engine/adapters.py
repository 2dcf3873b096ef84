"""LoRA adapters of a loaded model: checked against it, loaded, and applied by each of its contexts.

In: files with their scales, as `parse_lora` reads them. Out: `Model.adapters`; llama.cpp frees them with the model.
Raises ModelFileError for a file that is no adapter of this model. llama.cpp ends the process at a header whose values
have other types than it expects, so the header is read here first.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from mull.engine.adapter import Adapter
from mull.engine.file_header import check_header
from mull.engine.model import Model
from mull.engine.native import library
from mull.errors import ModelFileError
from mull.fs.file_stamp import fingerprint
from mull.models.gguf.header import Header, read_header
from mull.settings import parse_lora

_FLOATS = {"F32", "F16", "BF16", "Q8_0"}  # what llama.cpp's converter writes
_PARTS = (".lora_a", ".lora_b")


def attach(model: Model, adapters: Sequence[str]) -> None:
    """Load the adapters; every context that is made of the model from now on applies them."""
    model.adapters = tuple(_load(model, Path(file), scale) for file, scale in map(parse_lora, adapters))


def _load(model: Model, path: Path, scale: float) -> Adapter:
    check_header(path)
    header = read_header(path)
    if fault := _fault(header, model.architecture):
        raise _unfit(path, model, fault)
    library.forget_log_errors()
    handle = library.bindings().llama_adapter_lora_init(model.handle, os.fsencode(path))
    if not handle:
        raise _unfit(path, model, library.last_log_error() or "llama.cpp rejects it")
    return Adapter(handle, path, scale, fingerprint(path))


def _fault(header: Header, architecture: str) -> str:
    """Why a file is no adapter of a model of this architecture; empty if it may be one."""
    kind, form = header.metadata.get("general.type"), header.metadata.get("adapter.type")
    if kind != "adapter" or form != "lora":
        return "it is no LoRA adapter"
    if "adapter.alora.invocation_tokens" in header.metadata:
        return "it is an activated LoRA, which takes effect after certain words only"
    if header.architecture != architecture:
        return f"it is for models of the architecture {header.architecture or 'unknown'}, not {architecture}"
    if not isinstance(header.metadata.get("adapter.lora.alpha", 0.0), float):
        return "its alpha has another type"
    tensors = [tensor for tensor in header.tensors if tensor.name.endswith(_PARTS)]
    if not tensors:
        return "it has no tensors"
    odd = next((one.name for one in tensors if one.type not in _FLOATS or len(one.shape) != 2), "")
    return f"its tensor {odd} has a type or a shape that no adapter has" if odd else ""


def _unfit(path: Path, model: Model, reason: str) -> ModelFileError:
    return ModelFileError(
        "adapter_unfit",
        f"The adapter {path} cannot be applied to {model.path.name}: {reason}.",
        "Use an adapter that was made of this model, converted to GGUF.",
    )
