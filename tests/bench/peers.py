"""llama.cpp's own tools, built from the sources that the llama-cpp-python source package carries.

`python -m tests.bench.peers` (make bench-peers) compiles them once with the flags of the installed library, and stores
them beside its wheel; `tool(name)` finds one. mull needs none of them to run or to be tested.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from llama_build.__main__ import (
    LOCK,
    PACKAGE,
    build_key,
    compiler_flags,
    compiler_macros,
    pinned_requirement,
    run,
    wheel_folder,
)

TOOLS = ("llama-bench", "llama-cli", "llama-completion", "llama-batched-bench")


def folder() -> Path:
    """Where the tools built for this library, compiler and CPU are stored."""
    key = build_key(pinned_requirement(LOCK.read_text(encoding="utf-8")), compiler_flags(compiler_macros()))
    return wheel_folder(key).parent.with_name("peers") / key


def tool(name: str) -> Path | None:
    """The path of a built tool; None where `make bench-peers` was not run."""
    path = folder() / "bin" / name
    return path if path.is_file() else None


def build() -> None:
    """Compile what is missing. Raises SystemExit with the code of the step that failed."""
    target = folder()
    if all((target / "bin" / name).is_file() for name in TOOLS):
        return
    target.mkdir(parents=True, exist_ok=True)
    flags = compiler_flags(compiler_macros())
    with tempfile.TemporaryDirectory(dir=target) as scratch:
        source = _source(Path(scratch))
        cmake = [shutil.which("cmake")] if shutil.which("cmake") else ["uv", "tool", "run", "cmake"]
        configure = [
            *cmake,
            "-S",
            source,
            "-B",
            f"{scratch}/build",
            "-DCMAKE_BUILD_TYPE=Release",
            "-DBUILD_SHARED_LIBS=OFF",
            f"-DCMAKE_CXX_FLAGS={flags}",
            "-DLLAMA_CURL=OFF",
            "-DLLAMA_OPENSSL=OFF",
            "-DLLAMA_BUILD_TESTS=OFF",
            "-DLLAMA_BUILD_EXAMPLES=OFF",
            "-DLLAMA_BUILD_TOOLS=ON",
            "-DLLAMA_BUILD_SERVER=ON",
        ]
        run([str(word) for word in configure])
        jobs = os.environ.get("JOBS", str(os.cpu_count() or 2))
        run([*map(str, cmake), "--build", f"{scratch}/build", "-j", jobs, "--target", *TOOLS])
        (target / "bin").mkdir(exist_ok=True)
        for name in TOOLS:
            shutil.move(f"{scratch}/build/bin/{name}", target / "bin" / name)


def _source(scratch: Path) -> Path:
    """Fetch and unpack the pinned source package; the llama.cpp in it."""
    requirement = scratch / "requirement.txt"
    requirement.write_text(pinned_requirement(LOCK.read_text(encoding="utf-8")))
    options = ["--no-deps", "--no-binary", PACKAGE, "--require-hashes"]
    fetch = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "-q",
        *options,
        "-r",
        str(requirement),
        "-d",
        str(scratch),
    ]
    subprocess.run(fetch, check=True)
    with tarfile.open(next(scratch.glob("*.tar.gz"))) as archive:
        archive.extractall(scratch, filter="data")
    return next(scratch.glob("*/vendor/llama.cpp"))


if __name__ == "__main__":
    build()
    print(folder() / "bin")
