"""AMD's ROCm: hipcc, hipBLAS and rocBLAS."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from llama_build import sdk
from llama_build.errors import BuildError
from llama_build.packages import how_to_install
from llama_build.setting import Setting


def hip(environment: Mapping[str, str]) -> Setting:
    """How to build for ROCm. Raises BuildError where it, hipBLAS or rocBLAS is missing."""
    places = [*sdk.from_variables(environment, ("HIP_PATH", "ROCM_PATH")), "/opt/rocm/bin"]
    config = sdk.find("hipconfig", environment, places)
    if config is None:
        raise BuildError("BACKEND=hip needs AMD's ROCm; there is no hipconfig.", how_to_install("hip"))
    root = sdk.ask(config, "-R", environment=environment).strip()
    clang = sdk.ask(config, "-l", environment=environment).strip()
    version = re.search(r"\d+\.\d+\S*", sdk.ask(config, "--version", environment=environment))
    if not root or not clang or version is None:
        raise BuildError(f"{config} does not work: it names no ROCm.", how_to_install("hip"))
    for library in ("hipblas", "rocblas"):
        if (
            sdk.first([Path(root), Path("/usr")], [f"include/{library}/{library}.h", f"include/{library}.h"])
            is None
        ):
            raise BuildError(f"BACKEND=hip needs {library}; its header is missing.", how_to_install("hip"))
    return Setting(
        defines={"GGML_HIP": "ON"},
        environment={"HIP_PATH": root, "HIPCXX": str(Path(clang, "clang"))},
        version=version.group(),
    )
