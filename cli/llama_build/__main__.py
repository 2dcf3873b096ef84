"""Build llama-cpp-python for this machine and install it into a virtual environment.

In: the interpreter of that environment, the version and hash pinned in the lock file, CMAKE_ARGS and CXXFLAGS. Out: the
wheel, built with the right flags for this compiler and CPU, and installed. Does nothing when the same build is
installed already. Uses the standard library only: nothing of the project is installed yet. What the build needs is
installed into an environment of its own, pinned and hashed as well (requirements.lock beside this file).

    python cli/llama_build --python .venv/bin/python

Wheels are cached under a hash of everything that affects the build. pip's own wheel cache is not used: its key is the
version only, so that it would return a wheel built with other flags.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
LOCK = HERE.parents[1] / "requirements.lock"
BUILD_LOCK = HERE / "requirements.lock"
HEADER = HERE.parent / "mull" / "data" / "amx_tiles.h"
PACKAGE = "llama-cpp-python"
STAMP = "llama-build.json"  # in the virtual environment: the key of the installed build


def main() -> int:
    """Build the wheel or take it from the cache, install it, save its key. Returns a process exit code."""
    parser = argparse.ArgumentParser(description="Build llama-cpp-python for this machine.")
    parser.add_argument(
        "--python", type=Path, default=Path(sys.executable), help="the interpreter to install for"
    )
    parser.add_argument("--force", action="store_true", help="build even if the wheel is cached or installed")
    options = parser.parse_args()

    pinned = pinned_requirement(LOCK.read_text(encoding="utf-8"))
    flags = compiler_flags(compiler_macros())
    key = build_key(pinned, flags)
    stamp = options.python.absolute().parents[1] / STAMP
    if not options.force and stamp.is_file() and json.loads(stamp.read_text())["key"] == key:
        return 0

    wheel = None if options.force else next(iter(sorted(wheel_folder(key).glob("*.whl"))), None)
    if wheel is None:
        say(f"Building {PACKAGE} for this machine; this happens once and takes some minutes.")
        wheel = build(options.python, pinned, flags, wheel_folder(key))
    run([options.python, "-m", "pip", "install", "-q", "--no-deps", "--force-reinstall", wheel])
    stamp.write_text(json.dumps({"key": key, "wheel": wheel.name, "flags": flags}))
    return 0


def pinned_requirement(lock: str) -> str:
    """The lines of the lock file for llama-cpp-python: version and hashes, in pip's format."""
    found = re.search(rf"^{PACKAGE}==.*?(?=^\S|\Z)", lock, re.MULTILINE | re.DOTALL)
    if not found:
        raise SystemExit(f"{LOCK.name} does not pin {PACKAGE}; make lock writes it.")
    return found.group()


def compiler_macros() -> str:
    """The predefined macros of the C++ compiler, as #define lines; empty for MSVC, which cannot list them."""
    compiler = os.environ.get("CXX") or shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
    if not compiler:
        if platform.system() != "Windows":
            raise SystemExit(
                "No C++ compiler was found.\n"
                "Install one: apt install g++ (Debian, Ubuntu), dnf install gcc-c++ (Fedora), "
                "xcode-select --install (macOS)."
            )
        return ""
    command = [*shlex.split(compiler), "-dM", "-E", "-x", "c++", os.devnull]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def compiler_flags(macros: str) -> str:
    """The CXXFLAGS to add: an include for GCC on x86-64 (amx_tiles.h says why), nothing elsewhere."""
    defined = set(re.findall(r"^#define (\w+)", macros, re.MULTILINE))
    if {"__GNUC__", "__x86_64__"} <= defined and "__clang__" not in defined:
        return f"-include {shlex.quote(str(HEADER))}"
    return ""


def build_key(pinned: str, flags: str) -> str:
    """A hash of everything that affects the wheel, the CPU's features included (-march=native uses them)."""
    version = re.search(r'#define __VERSION__ "(.*)"', compiler_macros())
    parts = [
        pinned,
        platform.system(),
        platform.machine(),
        cpu_features(),
        version.group(1) if version else "",
        flags.replace(str(HEADER.parent), ""),
        HEADER.read_text(encoding="utf-8"),
        *(os.environ.get(name, "") for name in ("CMAKE_ARGS", "CFLAGS", "CXXFLAGS", "CC", "CXX")),
    ]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def cpu_features() -> str:
    """The CPU's feature flags, or its name where the system does not list them."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        listed = re.search(r"^(?:flags|Features)\s*:\s*(.*)$", info.read_text(), re.MULTILINE)
        if listed:
            return listed.group(1)
    return platform.processor()


def wheel_folder(key: str) -> Path:
    """The cache folder for the wheel with this key."""
    if platform.system() == "Windows":
        base = Path(os.environ.get("LOCALAPPDATA", tempfile.gettempdir()))
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "mull" / "wheels" / key


def build(python: Path, pinned: str, flags: str, folder: Path) -> Path:
    """Compile the source distribution. The finished wheel is moved into `folder` in one step."""
    environment = dict(os.environ)
    if flags:
        environment["CXXFLAGS"] = " ".join(filter(None, [environment.get("CXXFLAGS", ""), flags]))
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        requirement = Path(scratch, "requirement.txt")
        requirement.write_text(pinned)
        builder = build_environment(python, Path(scratch, "environment"))
        environment["PATH"] = os.pathsep.join([str(builder.parent), environment.get("PATH", os.defpath)])
        # pip's isolated build would install the newest build requirements, without hashes.
        options = ["--no-cache-dir", "--no-deps", "--no-build-isolation", "--no-binary", PACKAGE]
        pip = [builder, "-m", "pip", "--disable-pip-version-check"]
        run([*pip, "wheel", *options, "--require-hashes", "-r", requirement, "-w", scratch], environment)
        wheel = next(Path(scratch).glob("*.whl"))
        return wheel.replace(folder / wheel.name)


def build_environment(python: Path, folder: Path) -> Path:
    """Make a virtual environment with what the build needs; returns its interpreter."""
    run([python, "-m", "venv", folder])
    builder = folder / ("Scripts/python.exe" if platform.system() == "Windows" else "bin/python")
    options = ["--require-hashes", "--only-binary", ":all:", "--no-deps"]
    run(
        [builder, "-m", "pip", "install", "-q", "--disable-pip-version-check", *options, "-r", BUILD_LOCK],
    )
    return builder


def run(command: Sequence[str | Path], environment: dict[str, str] | None = None) -> None:
    """Run a command. If it fails, exit with its code; its own output says why."""
    result = subprocess.run([str(word) for word in command], env=environment, check=False)
    if result.returncode:
        raise SystemExit(result.returncode)


def say(text: str) -> None:
    """Print a line of progress."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
