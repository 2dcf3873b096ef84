"""Intel's oneAPI: the compilers icx and icpx, and oneMKL."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from llama_build import sdk
from llama_build.errors import BuildError
from llama_build.packages import how_to_install
from llama_build.setting import Setting

_SCRIPT = Path("/opt/intel/oneapi/setvars.sh")


def sycl(environment: Mapping[str, str]) -> Setting:
    """How to build for SYCL. Raises BuildError without the compilers, or where their environment is not set up."""
    compiler = sdk.find("icpx", environment)
    if compiler is None or sdk.find("icx", environment) is None or not environment.get("MKLROOT"):
        if _SCRIPT.is_file():
            raise BuildError(
                "BACKEND=sycl needs the environment of Intel's oneAPI; it is installed, but not set up here.",
                f"Run this in the same shell first: . {_SCRIPT}",
            )
        raise BuildError("BACKEND=sycl needs Intel's oneAPI; there is no icpx.", how_to_install("sycl"))
    version = sdk.ask(compiler, "--version", environment=environment).partition("\n")[0]
    return Setting(defines={"GGML_SYCL": "ON"}, environment={"CC": "icx", "CXX": "icpx"}, version=version)
