"""Build llama-cpp-python for this machine and install it into a virtual environment.

In: the interpreter of that environment, BACKEND, the version and hash pinned in the lock file, the environment's
compilers and CMAKE_ARGS. Out: the wheel, built for this compiler and CPU, and installed; at once when it is installed
already. The backend and CMAKE_ARGS are remembered in the virtual environment, so that a later run without them keeps
them. Errors are a sentence and a hint on stderr, with exit code 1, or 2 for wrong usage.

    PYTHONPATH=cli python -m llama_build --python .venv/bin/python --backend cpu
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from llama_build import store
from llama_build.backends import chosen
from llama_build.build import build
from llama_build.errors import BuildError
from llama_build.lock import locked
from llama_build.recipe import LOCK, Recipe, pinned_requirement, recipe
from llama_build.step import Steps

STAMP = "llama-build.json"  # in the virtual environment: what is installed


def main() -> int:
    """Returns the process's exit code."""
    parser = argparse.ArgumentParser(
        prog="llama_build", description="Build llama-cpp-python for this machine."
    )
    parser.add_argument(
        "--python", type=Path, default=Path(sys.executable), help="the interpreter to install for"
    )
    parser.add_argument(
        "--backend", default="", help="cpu, cuda, vulkan, metal, hip or sycl; else the last one"
    )
    parser.add_argument("--force", action="store_true", help="build even if the wheel is stored or installed")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    os.environ.pop("PYTHONPATH", None)  # it is for this process; pip and CMake must not import from there
    try:
        install(options.python.absolute(), options.backend, force=options.force)
    except BuildError as error:
        say(f"{error.sentence}\n{error.hint}")
        return error.code
    except OSError as error:
        say(f"{error.strerror or error}: {error.filename or options.python}\nRepair that, then run it again.")
        return 1
    except KeyboardInterrupt:
        say("Stopped. The next run continues here.")
        return 130
    return 0


def install(python: Path, backend: str, *, force: bool) -> None:
    """Install the build for this machine, unless it is installed. Raises BuildError."""
    stamp = python.parents[1] / STAMP
    installed = _read(stamp)
    environment = {**os.environ}
    environment.setdefault("CMAKE_ARGS", str(installed.get("cmake_args", "")))
    pinned = pinned_requirement(LOCK.read_text(encoding="utf-8"))
    wanted = chosen(backend, str(installed.get("backend", "")))
    try:
        made = recipe(pinned, wanted, environment)
    except BuildError:
        same = installed.get("backend") == wanted and installed.get("pinned") == pinned
        if force or not same:
            raise
        return  # installed, and the compiler was removed since
    if not force and installed.get("key") == made.key:
        return
    with locked(stamp.with_name("llama-build.lock"), _waits):
        if not force and _read(stamp).get("key") == made.key:
            return
        _install_wheel(python, made, force=force)
        stamp.write_text(
            json.dumps(
                {
                    "key": made.key,
                    "backend": wanted,
                    "cmake_args": environment["CMAKE_ARGS"],
                    "pinned": pinned,
                    "flags": made.flags,
                }
            )
        )


def _install_wheel(python: Path, made: Recipe, *, force: bool) -> None:
    """Take the wheel from the cache or build it, and let pip install it."""
    root = store.base()
    problem = store.writable(root / "builds")
    wheel, fault = (None, "") if force else store.find(root, made)
    if fault:
        say(f"The stored wheel in {store.wheels(root, made)} is not used: {fault}. Building it again.")
    if wheel is None:
        if problem is not None:
            root = python.parents[1] / "llama-build"
            say(f"Nothing can be stored in {store.base()} ({problem.strerror}): building in {root}.")
        wheel = build(python, made, root, say, force=force)
    log = python.parents[1] / "llama-install.log"
    options = ["-q", "--disable-pip-version-check", "--no-deps", "--force-reinstall"]
    Steps(log).run(
        "Installing llama-cpp-python", [python, "-m", "pip", "install", *options, wheel], os.environ
    )
    log.unlink()


def _read(stamp: Path) -> dict[str, Any]:
    """What the virtual environment remembers; empty when there is nothing to read."""
    try:
        found = json.loads(stamp.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _waits(process: str) -> None:
    say(f"Process {process or '?'} is installing into the same environment; waiting for it.")


def say(text: str) -> None:
    """Print a line of progress."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
