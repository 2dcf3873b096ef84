"""llama.cpp's own tools, built from the sources of llama-cpp-python and linked to the libraries that mull uses.

`python -m tests.bench.peers` (make bench-peers) compiles them once and stores them in mull's cache folder; `tool(name)`
finds one. llama and ggml are not compiled again: a tool that is measured runs the very same library. mull needs none
of the tools to run or to be tested.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from llama_build import sources, store
from llama_build.build import pip, tools
from llama_build.errors import BuildError
from llama_build.lock import locked
from llama_build.progress import Progress
from llama_build.recipe import LOCK, pinned_requirement
from llama_build.step import Steps

STAMP = Path(sys.prefix, "llama-build.json")
SMALL = (
    "llama-bench",
    "llama-completion",
    "llama-batched-bench",
    "llama-perplexity",
)  # need llama-common only
LARGE = ("llama-cli", "llama-server")  # and the server and mtmd
# In place of llama.cpp's own CMakeLists.txt: the libraries are there already.
PREBUILT = """
add_library({name} INTERFACE)
target_include_directories({name} INTERFACE {headers})
target_link_libraries({name} INTERFACE {libraries})
"""
SETTINGS = {
    "CMAKE_BUILD_TYPE": "Release",
    "CMAKE_BUILD_RPATH_USE_ORIGIN": "ON",
    "CMAKE_BUILD_RPATH": "$ORIGIN/../lib",
    "CMAKE_SKIP_INSTALL_RULES": "ON",
    "BUILD_SHARED_LIBS": "OFF",
    "LLAMA_OPENSSL": "OFF",
    "LLAMA_BUILD_TESTS": "OFF",
    "LLAMA_BUILD_EXAMPLES": "OFF",
    "LLAMA_BUILD_APP": "OFF",
    "LLAMA_USE_PREBUILT_UI": "OFF",  # no download
}


def folder() -> Path:
    """Where the tools for the installed build of llama.cpp are stored. Raises BuildError where none is installed."""
    try:
        return store.base() / "peers" / str(json.loads(STAMP.read_text(encoding="utf-8"))["key"])
    except (OSError, ValueError, KeyError) as error:
        raise BuildError("No llama.cpp is installed in this environment.", "Run: make setup") from error


def tool(name: str) -> Path | None:
    """The path of a built tool; None where `make bench-peers` was not run."""
    try:
        path = folder() / "bin" / name
    except BuildError:
        return None
    return path if path.is_file() else None


def build() -> None:
    """Compile what is missing. Raises BuildError, OSError."""
    target = folder()
    target.mkdir(parents=True, exist_ok=True)
    with locked(
        target / "lock", lambda process: print(f"Waiting for process {process}.", file=sys.stderr)
    ) as held:
        if all(tool(name) for name in (*SMALL, *LARGE)):
            return
        libraries = shutil.copytree(_libraries(), target / "lib", dirs_exist_ok=True)
        work = target / "work"
        work.mkdir(exist_ok=True)
        steps = Steps(target / "build.log", [held])
        own = Path(sys.executable)
        python = tools(own, work / "tools", steps)
        environment = {**os.environ}
        environment["PATH"] = os.pathsep.join([str(python.parent), environment.get("PATH", os.defpath)])
        pinned = pinned_requirement(LOCK.read_text(encoding="utf-8"))
        source = sources.fetch(pip(own, python), pinned, work, environment, steps) / "vendor" / "llama.cpp"
        _use_libraries(source, libraries)
        _configure(source, work / "build", environment, steps)
        (target / "bin").mkdir(exist_ok=True)
        for names in (SMALL, LARGE):
            _compile(names, work / "build", environment, steps)
            for name in names:
                shutil.copy2(work / "build" / "bin" / name, target / "bin" / name)
        shutil.rmtree(work)


def _libraries() -> Path:
    """The folder of the installed libraries."""
    found = importlib.util.find_spec("llama_cpp")
    places = list(found.submodule_search_locations or ()) if found else []
    if not places:
        raise BuildError("llama-cpp-python is not installed in this environment.", "Run: make setup")
    return Path(places[0], "lib")


def _use_libraries(source: Path, libraries: Path) -> None:
    """Make CMake's targets `llama` and `ggml` stand for the libraries that are there."""

    def quoted(paths: list[Path]) -> str:
        return " ".join(f'"{path}"' for path in paths)

    def write(folder: str, name: str, headers: list[Path], files: list[Path]) -> None:
        text = PREBUILT.format(name=name, headers=quoted(headers), libraries=quoted(files))
        (source / folder / "CMakeLists.txt").write_text(text, encoding="utf-8")

    suffix = ".dylib" if sys.platform == "darwin" else ".so"
    ggml = sorted(
        path for path in libraries.iterdir() if path.name.startswith("libggml") and path.suffix == ".so"
    )
    headers = [source / "ggml" / "include", source / "include"]
    write("ggml", "ggml", headers[:1], ggml)
    write("src", "llama", headers, [libraries / f"libllama{suffix}", *ggml])


def _configure(source: Path, place: Path, environment: dict[str, str], steps: Steps) -> None:
    settings = [f"-D{name}={value}" for name, value in SETTINGS.items()]
    command = ["cmake", "-G", "Ninja", "-S", source, "-B", place, *settings]
    steps.run("Configuring llama.cpp's tools", command, environment)


def _compile(names: Sequence[str], place: Path, environment: dict[str, str], steps: Steps) -> None:
    """Compile tools and what they share: llama-common, mtmd."""
    progress = Progress()
    command = ["cmake", "--build", place, "--target", *names]
    try:
        steps.run(f"Compiling {', '.join(names)}", command, environment, None, progress.line)
    finally:
        progress.close()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the compilers are stopped on the way out
    from tests.bench import llm_peer

    try:
        build()
        llm_peer.build()
    except BuildError as error:
        sys.exit(f"{error.sentence}\n{error.hint}")
    print(folder() / "bin")
