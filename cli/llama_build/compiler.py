"""The compilers: found, tried, and asked what they make of this CPU.

In: the environment (CC, CXX, PATH). Out: their versions, the macros that they define, the flags that llama.cpp needs
with them. Raises BuildError when one is missing or does not work. MSVC can't be asked: CMake finds it by itself.
"""

from __future__ import annotations

import os
import platform
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from llama_build.errors import BuildError
from llama_build.packages import how_to_install

HEADER = Path(__file__).resolve().parents[1] / "mull" / "data" / "amx_tiles.h"
_NAMES = {"CXX": ("c++", "g++", "clang++"), "CC": ("cc", "gcc", "clang")}
_LANGUAGES = {"CXX": "C++", "CC": "C"}


def command(variable: str, environment: Mapping[str, str]) -> list[str]:
    """The command of a compiler ("CXX" or "CC"); empty on Windows, where CMake looks for one. Raises BuildError."""
    path = environment.get("PATH", os.defpath)
    words = shlex.split(environment.get(variable, ""))
    if words and not shutil.which(words[0], path=path):
        raise BuildError(
            f"There is no {words[0]}, which {variable} names as the {_LANGUAGES[variable]} compiler.",
            f"Set {variable} to a compiler that is installed, or unset it.",
        )
    found = next(filter(None, (shutil.which(name, path=path) for name in _NAMES[variable])), None)
    if words or found:
        return words or [str(found)]
    if platform.system() == "Windows":
        return []
    raise BuildError(f"No {_LANGUAGES[variable]} compiler was found.", how_to_install("compiler"))


def check(environment: Mapping[str, str]) -> None:
    """Raises BuildError unless both compilers are there and compile an empty file."""
    for variable, language in (("CXX", "c++"), ("CC", "c")):
        words = command(variable, environment)
        if not words:
            continue
        tried = _ask(words, environment, language)
        if tried.returncode:
            said = (tried.stderr.strip().splitlines() or ["it printed nothing"])[0]
            raise BuildError(
                f"The {_LANGUAGES[variable]} compiler {words[0]} does not work: {said}",
                f"Repair it, or set {variable} to another compiler.",
            )


def macros(environment: Mapping[str, str], *options: str) -> str:
    """What the C++ compiler defines with these options, as #define lines; empty for MSVC, or if it rejects them."""
    words = command("CXX", environment)
    asked = _ask([*words, "-dM", *options], environment, "c++") if words else None
    return asked.stdout if asked is not None and asked.returncode == 0 else ""


def target(environment: Mapping[str, str]) -> str:
    """What the compiler knows about this CPU with the options that ggml uses; the CPU's own words if it can't say."""
    options = ("-march=native", "-mcpu=native") if _is_x86() else ("-mcpu=native", "-march=native")
    found = next(filter(None, (macros(environment, option) for option in options)), "")
    return found or _cpu_features()


def flags(defined: str) -> str:
    """The CXXFLAGS to add: an include for GCC on x86-64 (amx_tiles.h says why), nothing elsewhere."""
    names = set(re.findall(r"^#define (\w+)", defined, re.MULTILINE))
    if {"__GNUC__", "__x86_64__"} <= names and "__clang__" not in names:
        return f"-include {shlex.quote(str(HEADER))}"
    return ""


def preprocess(source: str, environment: Mapping[str, str], *options: str) -> str | None:
    """The preprocessed text of some C++; None where an include is missing or there is no compiler to ask."""
    words = command("CXX", environment)
    if not words:
        return None
    done = _ask([*words, *options], environment, "c++", source)
    return done.stdout if done.returncode == 0 else None


def links(library: str, environment: Mapping[str, str], *options: str) -> bool:
    """Whether the linker finds a library."""
    with tempfile.TemporaryDirectory() as scratch:
        words = [*command("CXX", environment), *options, "-shared", "-o", f"{scratch}/probe", f"-l{library}"]
        return subprocess.run(words, env=dict(environment), capture_output=True, check=False).returncode == 0


def _ask(
    words: list[str], environment: Mapping[str, str], language: str, source: str = ""
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*words, "-E", "-P", "-x", language, "-"],
        env=dict(environment),
        input=source,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )


def _is_x86() -> bool:
    return platform.machine().lower() in {"x86_64", "amd64", "i686"}


def _cpu_features() -> str:
    """The CPU's feature flags, or its name where the system does not list them."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        listed = re.search(r"^(?:flags|Features)\s*:\s*(.*)$", info.read_text(), re.MULTILINE)
        if listed:
            return listed.group(1)
    return platform.processor()
