"""NVIDIA's CUDA toolkit: nvcc, cuBLAS, and which cards to compile for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from llama_build import sdk
from llama_build.errors import BuildError
from llama_build.packages import CUDA_PAGE, how_to_install
from llama_build.setting import Setting

_USUAL = ("/usr/local/cuda/bin", "/opt/cuda/bin")
# Turing; its PTX is compiled for a later card when the program starts there for the first time.
_OLDEST = "75-virtual"


def cuda(environment: Mapping[str, str]) -> Setting:
    """How to build for CUDA. Raises BuildError without nvcc or cuBLAS."""
    nvcc = _nvcc(environment)
    if nvcc is None:
        raise BuildError(
            "BACKEND=cuda needs NVIDIA's CUDA toolkit; there is no nvcc.", how_to_install("cuda")
        )
    version = re.search(r"release (\S+),", sdk.ask(nvcc, "--version", environment=environment))
    if version is None:
        raise BuildError(f"{nvcc} does not work: nvcc --version prints no release.", how_to_install("cuda"))
    folders = _folders(nvcc, environment)
    for what, patterns in (
        ("header cublas_v2.h", ("include/cublas_v2.h", "targets/*/include/cublas_v2.h")),
        (
            "library libcublas",
            (
                "lib*/libcublas.so*",
                "lib/*/libcublas.so*",
                "targets/*/lib/libcublas.so*",
                "lib/x64/cublas.lib",
            ),
        ),
    ):
        if sdk.first(folders, patterns) is None:
            raise BuildError(
                f"The CUDA toolkit of {nvcc} is not complete: cuBLAS is missing (the {what}).",
                f"Install the libraries of the same version ({version.group(1)}) too, from {CUDA_PAGE}",
            )
    cards = _cards(environment)
    return Setting(
        defines={"GGML_CUDA": "ON", "CMAKE_CUDA_ARCHITECTURES": ";".join(cards) or _OLDEST},
        environment={"CUDACXX": str(nvcc)},
        version=version.group(1),
        notes=() if cards else ("No NVIDIA card answers here: building for cards from Turing on.",),
    )


def _nvcc(environment: Mapping[str, str]) -> Path | None:
    if environment.get("CUDACXX"):
        return sdk.find(environment["CUDACXX"], environment)
    return sdk.find(
        "nvcc", environment, [*sdk.from_variables(environment, ("CUDA_PATH", "CUDA_HOME")), *_USUAL]
    )


def _folders(nvcc: Path, environment: Mapping[str, str]) -> list[Path]:
    """The toolkit's folder, as nvcc itself names it (it may be a wrapper), and the system's."""
    said = sdk.ask(nvcc, "--dryrun", "-E", "-x", "cu", "/dev/null", environment=environment)
    named = re.search(r"^#\$ TOP=(.+)$", said, re.MULTILINE)
    top = Path(named.group(1).strip()) if named else nvcc.resolve().parents[1]
    return [top, Path("/usr")]


def _cards(environment: Mapping[str, str]) -> list[str]:
    """The architectures of the cards in this machine, as CMake wants them; empty without a driver."""
    query = sdk.find("nvidia-smi", environment)
    if query is None:
        return []
    printed = sdk.ask(query, "--query-gpu=compute_cap", "--format=csv,noheader", environment=environment)
    return sorted(
        {found.replace(".", "") + "-real" for found in re.findall(r"^(\d+\.\d)\s*$", printed, re.MULTILINE)}
    )
