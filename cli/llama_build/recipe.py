"""Everything that decides about the wheel, and its hash, under which the wheel is stored.

In: the lock file, the backend, the environment. Out: a Recipe. Two machines with the same key get the same wheel, so
the key covers the version and hash of the sources, the tools of the build, the backend with its SDK, the compiler, its
flags, and this CPU as the compiler sees it (-march=native).
"""

from __future__ import annotations

import hashlib
import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from llama_build import compiler
from llama_build.backends import BACKENDS
from llama_build.errors import BuildError

HERE = Path(__file__).resolve().parent
LOCK = HERE.parents[1] / "requirements.lock"
TOOLS_LOCK = HERE / "requirements.lock"
PACKAGE = "llama-cpp-python"
LEAN = HERE / "lean.cmake"
_READ = (TOOLS_LOCK, LEAN, HERE / "vulkan_layer_settings.h", compiler.HEADER)
# What CMake, scikit-build-core and the SDKs read. The number of jobs does not change the result.
_VARIABLES = re.compile(
    r"(CMAKE_|SKBUILD_|GGML_|HIP|ROCM_|CUDA|(MKLROOT|VULKAN_SDK|CPATH|LIBRARY_PATH|CC|CXX|(C|CXX|CPP|LD)FLAGS)$)"
)
_IGNORED = {"CMAKE_BUILD_PARALLEL_LEVEL", "CUDA_VISIBLE_DEVICES", "CUDA_CACHE_PATH"}


@dataclass(frozen=True)
class Recipe:
    """How to build: `defines` for CMake, the `environment` of the build, and its `key`."""

    pinned: str
    backend: str
    defines: Mapping[str, str]
    environment: Mapping[str, str]
    flags: str
    cpu: str
    key: str
    notes: tuple[str, ...] = ()

    @property
    def version(self) -> str:
        """The version of llama-cpp-python."""
        found = re.search(r"==(\S+)", self.pinned)
        return found.group(1) if found else "?"


def recipe(pinned: str, backend: str, environment: Mapping[str, str]) -> Recipe:
    """The recipe for this machine. Raises BuildError when a compiler or an SDK is missing."""
    setting = BACKENDS[backend](environment)
    inside = {**environment, **setting.environment}
    compiler.check(inside)
    defined = compiler.macros(inside)
    flags = compiler.flags(defined)
    if flags:
        inside["CXXFLAGS"] = " ".join(filter(None, [environment.get("CXXFLAGS", ""), flags]))
    defines = {
        "LLAVA_BUILD": "OFF",
        "CMAKE_PROJECT_llama.cpp_INCLUDE": str(LEAN),
        "MULL_BACKEND": backend,
        **setting.defines,
    }
    cpu = compiler.target(inside)
    version = re.search(r'#define __VERSION__ "(.*)"', defined)
    parts = [
        pinned,
        platform.system(),
        platform.machine(),
        *platform.libc_ver(),
        cpu,
        version.group(1) if version else "",
        setting.version,
        *(f"{name}={value}" for name, value in sorted(defines.items()) if value != str(LEAN)),
        *(f"{name}={environment[name]}" for name in sorted(environment) if _matters(name)),
        *(path.read_text(encoding="utf-8") for path in _READ),
    ]
    key = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
    return Recipe(pinned, backend, defines, inside, flags, _short(cpu), key, setting.notes)


def pinned_requirement(lock: str) -> str:
    """The lines of the lock file for llama-cpp-python: version and hashes, in pip's format."""
    found = re.search(rf"^{PACKAGE}==.*?(?=^\S|\Z)", lock, re.MULTILINE | re.DOTALL)
    if not found:
        raise BuildError(f"{LOCK.name} does not pin {PACKAGE}.", "make lock writes it.")
    return found.group()


def _matters(name: str) -> bool:
    return bool(_VARIABLES.match(name)) and name not in _IGNORED


def _short(cpu: str) -> str:
    return hashlib.sha256(cpu.encode()).hexdigest()[:16]
