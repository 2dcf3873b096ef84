"""llama.cpp's RPC backend: devices of other machines here, and this machine's devices for others.

In: addresses HOST:PORT. Out: devices in llama.cpp's registry (`add_workers`), or a worker that serves until the process
ends (`serve`). Raises EngineError (rpc_missing) where this build lacks the backend. Every failure of a connection ends
the process, so only a process that may die calls `add_workers`, after `backends/rpc/handshake.py` has tried the
workers.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mull.engine.native import devices, library
from mull.errors import EngineError

_LIBRARY = "ggml-rpc"


def available() -> bool:
    """Whether this build of llama.cpp has the RPC backend, judged by its files."""
    return _file() is not None


def require() -> None:
    """Raises EngineError where this build of llama.cpp lacks the RPC backend."""
    if not available():
        raise EngineError(
            "rpc_missing",
            "This build of llama.cpp cannot compute over several machines: it has no RPC backend.",
            "Build it from a clone of mull (make setup), or with -DGGML_RPC=ON.",
        )


def add_workers(addresses: Sequence[str]) -> None:
    """Register the devices of these workers, before a model is loaded. `library.prepare` must have been called.

    A worker that does not answer ends the process.
    """
    rpc = _library()
    for address in addresses:
        if found := rpc.ggml_backend_rpc_add_server(address.encode()):  # none: it has no device
            devices.register_remote(found)


def serve(address: str, *, threads: int) -> None:
    """Serve this machine's devices at HOST:PORT; HOST is an IPv4 address. Returns only where that cannot be done.

    The devices are the GPUs, else the CPU. One client at a time; what it sends is trusted.
    """
    rpc = _library()
    handles = devices.handles(devices.offered())
    array = (ctypes.c_void_p * len(handles))(*handles)
    count, size = ctypes.c_size_t(threads), ctypes.c_size_t(len(handles))
    rpc.ggml_backend_rpc_start_server(address.encode(), None, count, size, array)


def _library() -> Any:
    require()
    library.bindings()  # loads the libraries that this one needs
    rpc = ctypes.CDLL(str(_file()))
    rpc.ggml_backend_rpc_add_server.restype = ctypes.c_void_p
    rpc.ggml_backend_rpc_start_server.restype = None
    return rpc


def _file() -> Path | None:
    files = library.library_files()
    return next((path for path in files if path.name.split(".")[0].removeprefix("lib") == _LIBRARY), None)
