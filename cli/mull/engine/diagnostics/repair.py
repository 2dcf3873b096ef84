"""The command that builds llama.cpp again, where and how mull is installed.

In: the environment's folder and what is installed in it. Out: a line for the user's shell. It is the line for a clone
(`make setup`), for `uv tool`, for pipx, for pip, or for an environment that uv made without pip.
"""

from __future__ import annotations

import os
import platform
import shlex
import shutil
import sys
from collections.abc import Callable
from dataclasses import field
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from mull.dataclass import dataclass

Installer = Literal["clone", "uv tool", "pipx", "pip", "uv", "unknown"]

PACKAGE = "llama-cpp-python"
MULL = Path(__file__).parents[2]
HEADER = MULL / "data" / "amx_tiles.h"
CPU = "cpu"


def _has_pip() -> bool:
    return find_spec("pip") is not None


def _system() -> str:
    return f"{platform.system()} {platform.machine()}"


@dataclass(frozen=True, slots=True)
class Environment:
    """Where mull runs: the folder of its Python environment, that Python, and the folder of its source."""

    prefix: Path = field(default_factory=lambda: Path(sys.prefix))
    python: str = sys.executable
    source: Path = MULL
    has_pip: Callable[[], bool] = _has_pip
    which: Callable[[str], str | None] = shutil.which
    system: str = field(default_factory=_system)

    @property
    def clone(self) -> Path | None:
        """The folder of the clone whose `make setup` made this environment."""
        root = self.source.parents[1]
        made_here = self.prefix.resolve() == (root / ".venv").resolve()
        return root if made_here and (root / "Makefile").is_file() else None

    @property
    def installer(self) -> Installer:
        """What installed mull, judged by the files that it leaves."""
        if self.clone is not None:
            return "clone"
        if (self.prefix / "uv-receipt.toml").is_file():
            return "uv tool"
        if (self.prefix / "pipx_metadata.json").is_file():
            return "pipx"
        if self.has_pip():
            return "pip"
        return "uv" if self.which("uv") else "unknown"


def rebuild_command(backend: str = CPU, where: Environment | None = None) -> str:
    """The command that builds llama.cpp for this CPU, and for this backend."""
    where = where or Environment()
    if where.clone is not None:
        choice = "" if backend == CPU else f" BACKEND={backend}"
        return f"make -B -C {_quoted(where.clone)} setup{choice}"
    first = f"{_quoted(where.python)} -m ensurepip && " if where.installer == "unknown" else ""
    return f"{first}{_variables(backend, where.system)}{_install(where)}"


def _variables(backend: str, system: str) -> str:
    """Environment variables for the build, as the system's shell sets them."""
    wanted = {}
    if backend != CPU:
        wanted["CMAKE_ARGS"] = f"-DGGML_{backend.upper()}=on"
    if system == "Linux x86_64":  # GCC needs the header that mull ships
        wanted["CXXFLAGS"] = f"-include {HEADER}"
    if system.startswith("Windows"):
        return "".join(f"$env:{name}='{value}'; " for name, value in wanted.items())
    return "".join(f"{name}={_quoted(value)} " for name, value in wanted.items())


def _install(where: Environment) -> str:
    """The installer's command. No cache is used: its key lacks the variables, so it would return the old build."""
    python, wanted = _quoted(where.python), _pinned()
    with_pip = f"install --force-reinstall --no-deps --no-cache-dir --no-binary {PACKAGE} {wanted}"
    with_uv = (
        f"uv pip install --python {python} --reinstall --no-deps --no-cache --no-binary {PACKAGE} {wanted}"
    )
    match where.installer:
        case "uv tool" | "uv":
            return with_uv
        case "pipx":
            return f"pipx runpip {_quoted(where.prefix.name)} {with_pip}"
        case _:
            return f"{python} -m pip {with_pip}"


def _pinned() -> str:
    """The package at the version that is installed: mull uses the structures of one version of llama.cpp."""
    try:
        return f"{PACKAGE}=={version(PACKAGE)}"
    except PackageNotFoundError:
        return PACKAGE


def _quoted(text: str | os.PathLike[str]) -> str:
    if platform.system() == "Windows":
        return f'& "{text}"' if " " in str(text) else str(text)
    return shlex.quote(str(text))
