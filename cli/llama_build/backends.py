"""What llama.cpp can be built for: the CPU alone, or a GPU too.

In: the name given as BACKEND, the environment. Out: what it adds to the build. Raises BuildError, with the command that
installs it, when the SDK is missing or too old: before anything is compiled.
"""

from __future__ import annotations

import difflib
import platform
from collections.abc import Callable, Mapping

from llama_build.cuda import cuda
from llama_build.errors import BuildError
from llama_build.rocm import hip
from llama_build.setting import Setting
from llama_build.sycl import sycl
from llama_build.vulkan import vulkan


def _cpu(_environment: Mapping[str, str]) -> Setting:
    return Setting()


def _metal(_environment: Mapping[str, str]) -> Setting:
    if platform.system() != "Darwin":
        raise BuildError(
            "BACKEND=metal needs a Mac.", "Leave BACKEND out, or name the one for this machine's GPU."
        )
    return Setting({"GGML_METAL": "ON", "GGML_METAL_EMBED_LIBRARY": "ON"})


BACKENDS: dict[str, Callable[[Mapping[str, str]], Setting]] = {
    "cpu": _cpu,
    "cuda": cuda,
    "vulkan": vulkan,
    "metal": _metal,
    "hip": hip,
    "sycl": sycl,
}


def chosen(name: str, remembered: str) -> str:
    """The backend that was named, else the last one, else Metal on Apple Silicon, else the CPU. Raises BuildError."""
    backend = name or remembered or _default()
    if backend not in BACKENDS:
        near = difflib.get_close_matches(backend.lower(), BACKENDS, n=1)
        meant = f"Did you mean {near[0]}? " if near else ""
        raise BuildError(
            f"There is no BACKEND={backend}.", f"{meant}Choose one of: {', '.join(BACKENDS)}.", code=2
        )
    return backend


def _default() -> str:
    return "metal" if platform.system() == "Darwin" and platform.machine() == "arm64" else "cpu"
