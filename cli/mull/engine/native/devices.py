"""The devices that llama.cpp can compute on, and which of them a model uses.

In: llama.cpp's device registry, and the user's choice by name. Out: `Device` values, in llama.cpp's order. Raises
MullError for a name that no device has. `library.prepare` must have been called, except for `has_gpu_backend`.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Mapping, Sequence
from typing import Any

from mull.dataclass import dataclass
from mull.engine.native import library
from mull.errors import MullError
from mull.settings import DEVICE_NONE, EngineSettings
from mull.suggest import did_you_mean, nearest

_KINDS = ("cpu", "gpu", "igpu", "accelerator")  # ggml-backend.h, enum ggml_backend_dev_type
_GPU_LIBRARIES = ("cuda", "metal", "vulkan", "hip", "sycl", "musa", "cann", "opencl")
_REMOTE = "RPC"  # the backend of devices on other machines

_remote = False  # whether devices of other machines were registered


@dataclass(frozen=True, slots=True)
class Device:
    """A device that llama.cpp can compute on.

    `kind`: cpu, gpu, igpu (integrated), accelerator or other. `backend`: CUDA, Vulkan, Metal and the like. `id`: the
    PCI address, empty where unknown. Memory in bytes; `memory_free` is 0 where the backend does not report it.
    """

    name: str
    description: str
    kind: str
    memory_free: int
    memory_total: int
    backend: str = ""
    id: str = ""

    @property
    def remote(self) -> bool:
        """Whether it is a worker's; its description is then the worker's address."""
        return self.backend == _REMOTE


class _Properties(ctypes.Structure):
    """ggml-backend.h, struct ggml_backend_dev_props; its last member is a few booleans."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("description", ctypes.c_char_p),
        ("memory_free", ctypes.c_size_t),
        ("memory_total", ctypes.c_size_t),
        ("type", ctypes.c_int),
        ("device_id", ctypes.c_char_p),
        ("capabilities", ctypes.c_bool * 16),
    )


def has_gpu_backend() -> bool:
    """Whether there may be devices beside the CPU: a GPU backend, judged by its file name, or workers' devices."""
    return _remote or _has_gpu_library()


@functools.cache
def _has_gpu_library() -> bool:
    names = [path.name.lower() for path in library.library_files()]
    return any("ggml-" in name and backend in name for name in names for backend in _GPU_LIBRARIES)


def devices() -> list[Device]:
    """Every device of this build; empty where its ggml libraries lack the functions."""
    libraries = _ggml()
    if libraries is None:
        return []
    registry, base = libraries
    return [_device(base, handle) for handle in _handles(registry)]


def used_by_default(found: Sequence[Device]) -> list[Device]:
    """The devices that llama.cpp spreads a model over when none is named (llama.cpp, llama_prepare_model_devices).

    A card that two backends see counts once. Integrated GPUs are used only where there is no other, and of one backend.
    """
    remote: list[Device] = []
    cards: list[Device] = []
    integrated: list[Device] = []
    for device in found:
        if device.kind == "gpu" and device.remote:
            remote.append(device)
        elif device.kind == "gpu":
            if not device.id or all(device.id != other.id for other in cards):
                cards.append(device)
        elif device.kind == "igpu" and (not integrated or device.backend == integrated[-1].backend):
            integrated.append(device)
    return remote + (cards or integrated)


def named(names: str, found: Sequence[Device]) -> list[Device]:
    """The devices of a list "Vulkan0,CUDA1", in its order, without regard to case. Raises MullError."""
    gpus = {device.name.casefold(): device for device in found if device.kind in {"gpu", "igpu"}}
    wanted = [name.strip() for name in names.split(",")]
    for name in wanted:
        if name.casefold() not in gpus:
            raise _unknown(name, gpus)
    return [gpus[name] for name in dict.fromkeys(name.casefold() for name in wanted)]


def _unknown(name: str, gpus: Mapping[str, Device]) -> MullError:
    if not gpus:
        hint = "llama.cpp finds no GPU here; mull doctor shows the devices, and which build would use more."
    else:
        known = ", ".join(device.name for device in gpus.values())
        likely = [gpus[one].name for one in nearest(name.casefold(), gpus)]
        hint = did_you_mean(likely, f"Give names from {known}, or {DEVICE_NONE} for the CPU alone.")
    return MullError("unknown_device", f'There is no device "{name}".', hint)


def chosen(settings: EngineSettings) -> list[Device]:
    """The devices that layers go to with these settings; none: the CPU computes everything.

    Raises MullError for a device that does not exist, on a build without a GPU backend too.
    """
    if settings.device == DEVICE_NONE or (settings.gpu_layers == 0 and settings.device is None):
        return []
    found = devices() if has_gpu_backend() else []
    selected = named(settings.device, found) if settings.device is not None else used_by_default(found)
    return [] if settings.gpu_layers == 0 else selected


def offloads(settings: EngineSettings) -> bool:
    """Whether a GPU computes layers with these settings."""
    return bool(chosen(settings))


def handles(wanted: Sequence[Device]) -> list[int]:
    """llama.cpp's pointers to these devices."""
    libraries = _ggml()
    if libraries is None:
        return []
    registry, base = libraries
    known = {_device(base, handle).name: handle for handle in _handles(registry)}
    return [known[device.name] for device in wanted]


def register_remote(backend: int) -> None:
    """Add the devices of an RPC server to llama.cpp's registry (`backend`: its pointer to them)."""
    global _remote  # noqa: PLW0603 - llama.cpp has one registry per process
    if (libraries := _ggml()) is not None:
        libraries[0].ggml_backend_register(ctypes.c_void_p(backend))
        _remote = True


def offered() -> list[Device]:
    """The devices that a worker serves: the GPUs, else the CPU."""
    found = devices()
    return used_by_default(found) or [device for device in found if device.kind == "cpu"]


def _handles(registry: Any) -> list[int]:
    return [
        registry.ggml_backend_dev_get(ctypes.c_size_t(i)) for i in range(registry.ggml_backend_dev_count())
    ]


def _device(base: Any, handle: int) -> Device:
    found = _Properties()
    base.ggml_backend_dev_get_props(ctypes.c_void_p(handle), ctypes.byref(found))
    backend = base.ggml_backend_reg_name(
        ctypes.c_void_p(base.ggml_backend_dev_backend_reg(ctypes.c_void_p(handle)))
    )
    # The CPU backend, and Vulkan without the extension for it, report all memory as free.
    known = found.memory_free != found.memory_total
    return Device(
        name=_text(found.name),
        description=_text(found.description).strip(),
        kind=_KINDS[found.type] if 0 <= found.type < len(_KINDS) else "other",
        memory_free=found.memory_free if known else 0,
        memory_total=found.memory_total,
        backend=_text(backend),
        id=_text(found.device_id),
    )


def _text(value: bytes | None) -> str:
    return (value or b"").decode("utf-8", "replace")


@functools.cache
def _ggml() -> tuple[Any, Any] | None:
    """The ggml libraries beside libllama: the one with the device registry, and the one with the device functions.

    The bindings lack both. In builds that link ggml into one library, both are that one.
    """
    for path in library.library_files():
        if path.name.split(".")[0] not in {"libggml", "ggml"}:
            continue
        base_path = path.with_name(path.name.replace("ggml", "ggml-base", 1))
        try:
            registry = ctypes.CDLL(str(path))
            base = ctypes.CDLL(str(base_path)) if base_path.exists() else registry
            registry.ggml_backend_dev_count.restype = ctypes.c_size_t
            registry.ggml_backend_dev_get.restype = ctypes.c_void_p
            registry.ggml_backend_register.restype = None
            base.ggml_backend_dev_get_props.restype = None
            base.ggml_backend_dev_backend_reg.restype = ctypes.c_void_p
            base.ggml_backend_reg_name.restype = ctypes.c_char_p
        except (OSError, AttributeError):
            continue
        return registry, base
    return None
