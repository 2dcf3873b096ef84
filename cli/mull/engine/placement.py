"""Weight placement: which devices a model may use, their shares, and a mixture's experts in main memory.

In: engine settings. Out: arrays for llama_model_params, which must be kept until the model is loaded. A token uses few
of the experts, so reading them from main memory costs little, and what every token needs stays on the GPU. The bindings
lack the struct of the overrides and the CPU's buffer type, so both are declared here (llama.h,
llama_model_tensor_buft_override; ggml-backend.h, ggml_backend_cpu_buffer_type).
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

from mull.engine.native import devices, library
from mull.settings import EngineSettings

EXPERTS = rb"\.ffn_(up|down|gate|gate_up)_exps"


class _Override(ctypes.Structure):
    _fields_ = (("pattern", ctypes.c_char_p), ("buffer_type", ctypes.c_void_p))


def devices_for(settings: EngineSettings) -> Any:
    """The array of devices, ended by a null pointer; None leaves the choice to llama.cpp.

    Without a layer on a GPU it is empty: llama.cpp would compute long prompts on one all the same (`op_offload`).
    Raises MullError for a device that does not exist.
    """
    if settings.device is None and settings.gpu_layers != 0:
        return None
    pointers = devices.handles(devices.chosen(settings))
    return (ctypes.c_void_p * (len(pointers) + 1))(*pointers, None)


def split_array(shares: Sequence[float] | None, size: int) -> Any:
    """The array of the devices' shares, of llama.cpp's `size`; None where there are none, or too many devices."""
    if shares is None or len(shares) > size:
        return None
    return (ctypes.c_float * size)(*shares)


def experts_in_main_memory() -> Any:
    """The override array for llama_model_params, ended by an empty entry; None where ggml lacks the function."""
    for path in library.library_files():
        if path.name.split(".")[0] in {"libggml-base", "libggml", "ggml-base", "ggml"}:
            try:
                buffer_type = ctypes.CDLL(str(path)).ggml_backend_cpu_buffer_type
            except (OSError, AttributeError):
                continue
            buffer_type.restype = ctypes.c_void_p
            return (_Override * 2)(_Override(EXPERTS, buffer_type()), _Override())
    return None
