"""The native library: found, quieted, started once.

In: the state folder. Out: the low-level ctypes bindings of llama.cpp, with the log in a file and the backend running.
Only the bindings are imported, not the package around them, which would cost more than pebble's whole answer.
It never writes to a screen; what crashes here is found by `check.py`, in a child process, before anything is trusted.
"""

from __future__ import annotations

import ctypes
import functools
import importlib
import importlib.util
import os
import sys
import types
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mull.engine.native.log import Log
from mull.errors import EngineError

_PACKAGE = "llama_cpp"
_KINDS = ("cpu", "gpu", "igpu", "accelerator")  # ggml-backend.h, enum ggml_backend_dev_type

_GPU_LIBRARIES = ("cuda", "metal", "vulkan", "hip", "sycl", "musa", "cann", "opencl")

_ENVIRONMENT = {
    # On a failed assertion ggml would start a debugger to print a backtrace over the user's screen.
    "GGML_NO_BACKTRACE": "1",
    # GNU OpenMP spins for milliseconds at every barrier by default, hundreds of barriers per token: when another
    # program has one of the cores, both wait for each other (0.7 tokens per second instead of 11, measured with two
    # busy cores). A thousand rounds bridge the wait between balanced threads, then the core is given up.
    "GOMP_SPINCOUNT": "1000",
    # numpy's linear algebra, of which nothing is used here, would start a thread per core that waits by spinning.
    "OPENBLAS_NUM_THREADS": "1",
}

_started: _Started | None = None


@dataclass(frozen=True, slots=True)
class _Started:
    log: Log
    callback: Any  # the library holds a pointer to it


@dataclass(frozen=True, slots=True)
class Device:
    """What can compute here. Memory in bytes; 0 where the backend does not say."""

    name: str
    description: str
    kind: str
    memory_free: int
    memory_total: int


@functools.cache
def bindings() -> Any:
    """The module `llama_cpp.llama_cpp`. Raises EngineError when the library is missing or does not load."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)  # the libraries read it while they are being loaded
    try:
        return _import_bindings()
    except (ImportError, OSError, RuntimeError, AttributeError) as error:
        raise EngineError(
            "native_missing",
            f"The llama.cpp library cannot be loaded: {error}",
            "Install llama-cpp-python again for this Python; `mull doctor` says how.",
        ) from error


def _import_bindings() -> Any:
    """Import the submodule without its package.

    The package's `__init__` pulls in numpy, jinja2 and its chat formats: 0.13 to 0.25 s that are not needed. A stub
    with the right `__path__` stands in for it during the import and is taken away again, so that a later plain
    `import llama_cpp` still gets the real one.
    """
    if _PACKAGE in sys.modules:
        return importlib.import_module(f"{_PACKAGE}.{_PACKAGE}")
    places = _package_places()
    if not places:
        raise ImportError(f"no module named {_PACKAGE}")
    stub = types.ModuleType(_PACKAGE)
    stub.__path__ = places
    sys.modules[_PACKAGE] = stub
    try:
        return importlib.import_module(f"{_PACKAGE}.{_PACKAGE}")
    except ImportError:  # a version that is laid out differently: the long way
        del sys.modules[_PACKAGE]
        return importlib.import_module(f"{_PACKAGE}.{_PACKAGE}")
    finally:
        if sys.modules.get(_PACKAGE) is stub:
            del sys.modules[_PACKAGE]


def prepare(state_dir: Path) -> Any:
    """Start the backend with its log in `state_dir/llama.log`; the bindings. The first call decides the folder."""
    global _started  # noqa: PLW0603 - the library's log callback is one per process, whatever we do
    llama = bindings()
    if _started is None:
        log = Log(state_dir / "llama.log")
        callback = llama.llama_log_callback(lambda level, text, _data: log(level, text))
        # Threads of the library may log until the very end, when Python has already cleared this module.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(callback))
        llama.llama_log_set(callback, None)
        llama.llama_backend_init()
        _started = _Started(log, callback)
    return llama


def forget_log_errors() -> None:
    """Before an operation whose failure `last_log_error()` shall explain."""
    if _started is not None:
        _started.log.forget()


def last_log_error() -> str | None:
    """The one line of the log that says why the last operation failed; None when the library said nothing."""
    return _started.log.reason() if _started is not None else None


def library_files() -> list[Path]:
    """The shared libraries that make up llama.cpp here, sorted; none are loaded for this, some crash when they are."""
    override = os.environ.get("LLAMA_CPP_LIB_PATH")  # as the bindings have it
    folders = [Path(override)] if override else [Path(place) / "lib" for place in _package_places()]
    found = (path for folder in folders if folder.is_dir() for path in folder.iterdir())
    return sorted(path for path in found if ".so" in path.name or path.suffix in {".dll", ".dylib"})


@functools.cache
def has_gpu_backend() -> bool:
    """Whether llama.cpp's libraries include one for a graphics device; looks at file names only."""
    names = [path.name.lower() for path in library_files()]
    return any("ggml-" in name and backend in name for name in names for backend in _GPU_LIBRARIES)


def offloads(gpu_layers: int | None) -> bool:
    """Whether a graphics device computes layers, when so many are wanted there (None: as many as fit)."""
    if gpu_layers == 0 or not has_gpu_backend():
        return False
    return any(device.kind in {"gpu", "igpu"} for device in devices())


@functools.cache
def _package_places() -> list[str]:
    """Looked up once: while the bindings are imported, a stub stands for their package."""
    spec = importlib.util.find_spec(_PACKAGE)
    return list(spec.submodule_search_locations or ()) if spec is not None else []


def system_info() -> str:
    """What was compiled in and what of it this CPU has, in llama.cpp's words."""
    return str(bindings().llama_print_system_info().decode("utf-8", "replace")).strip()


def version() -> str:
    """The version of llama.cpp itself, empty when the library does not say."""
    tell = getattr(bindings(), "llama_version", None)
    return tell().decode("utf-8", "replace") if tell else ""


def devices() -> list[Device]:
    """Every device that the library can compute on, empty where the library cannot be asked."""
    libraries = _ggml()
    if libraries is None:
        return []
    registry, base = libraries
    return [_device(registry, base, index) for index in range(registry.ggml_backend_dev_count())]


def _device(registry: Any, base: Any, index: int) -> Device:
    device = ctypes.c_void_p(registry.ggml_backend_dev_get(ctypes.c_size_t(index)))
    free, total = ctypes.c_size_t(0), ctypes.c_size_t(0)
    base.ggml_backend_dev_memory(device, ctypes.byref(free), ctypes.byref(total))
    kind = base.ggml_backend_dev_type(device)
    return Device(
        name=(base.ggml_backend_dev_name(device) or b"").decode("utf-8", "replace"),
        description=(base.ggml_backend_dev_description(device) or b"").decode("utf-8", "replace").strip(),
        kind=_KINDS[kind] if 0 <= kind < len(_KINDS) else "other",
        memory_free=free.value,
        memory_total=total.value,
    )


@functools.cache
def _ggml() -> tuple[Any, Any] | None:
    """The ggml libraries beside libllama: the one with the device registry, and the one with a device's functions.

    The bindings know nothing of them. In builds that link ggml into one library both are that one.
    """
    for path in library_files():
        if path.name.split(".")[0] not in {"libggml", "ggml"}:
            continue
        base_path = path.with_name(path.name.replace("ggml", "ggml-base", 1))
        try:
            registry = ctypes.CDLL(str(path))
            base = ctypes.CDLL(str(base_path)) if base_path.exists() else registry
            registry.ggml_backend_dev_count.restype = ctypes.c_size_t
            registry.ggml_backend_dev_get.restype = ctypes.c_void_p
            for name in ("ggml_backend_dev_name", "ggml_backend_dev_description"):
                getattr(base, name).restype = ctypes.c_char_p
        except (OSError, AttributeError):
            continue
        return registry, base
    return None
