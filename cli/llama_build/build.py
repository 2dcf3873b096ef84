"""From a recipe to a stored wheel: tools, sources, compiling, storing.

In: a recipe and the cache folder. Out: the wheel. Works in `builds/KEY` of the cache folder, where a build that was
stopped is continued; the folder is removed when the wheel is done. Raises BuildError.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from llama_build import sources, store
from llama_build.errors import BuildError
from llama_build.lock import locked
from llama_build.progress import Progress, clock
from llama_build.recipe import HERE, PACKAGE, TOOLS_LOCK, Recipe
from llama_build.step import Steps

_SPACE = 800  # MB: the sources unpacked 100, their archive 75, objects 60, the tools 90; twice that for a GPU
# llama.cpp installs its libraries, headers and CMake files a second time, outside the package.
_OUTSIDE = ["/lib/", "/lib64/", "/bin/", "/include/", "/share/"]


def build(python: Path, recipe: Recipe, root: Path, say: Callable[[str], None], *, force: bool) -> Path:
    """Compile, store the wheel and return it; one process at a time, the others wait and take the finished wheel."""
    work = root / "builds" / recipe.key
    work.mkdir(parents=True, exist_ok=True)

    def waits(process: str) -> None:
        say(f"Process {process or '?'} is building this already; waiting for it.")

    with locked(work.with_suffix(".lock"), waits) as descriptor:
        stored, _ = (None, "") if force else store.find(root, recipe)
        if stored is not None:
            return stored
        if force:
            shutil.rmtree(work)
        work.mkdir(parents=True, exist_ok=True)
        _check_space(work)
        log = work / "build.log"
        log.unlink(missing_ok=True)
        try:
            wheel = _compile(python, recipe, work, Steps(log, [descriptor]), say)
            kept = store.keep(wheel, root, recipe)
        except OSError as error:
            raise BuildError(
                f"The build failed: {error.strerror or error} ({error.filename or work}).",
                f"Run it again when that is repaired: it continues where it stopped. The log is {log}.",
            ) from error
        shutil.move(log, kept.with_name("build.log"))
        shutil.rmtree(work, ignore_errors=True)
        return kept


def tools(python: Path, folder: Path, steps: Steps) -> Path:
    """The interpreter of a virtual environment with CMake, ninja and scikit-build-core, pinned and hashed."""
    interpreter = folder / ("Scripts/python.exe" if platform.system() == "Windows" else "bin/python")
    complete = folder / "complete"
    if complete.is_file():
        return interpreter
    shutil.rmtree(folder, ignore_errors=True)
    steps.run(
        "Making an environment for the build", [python, "-m", "venv", "--without-pip", folder], os.environ
    )
    options = ["--require-hashes", "--only-binary", ":all:", "--no-deps", "-r", str(TOOLS_LOCK)]
    steps.run("Fetching CMake and ninja", [*pip(python, interpreter), "install", *options], os.environ)
    complete.touch()
    return interpreter


def pip(python: Path, interpreter: Path) -> list[str | Path]:
    """The pip of `python`, working in the environment of `interpreter`, which has none: copying it there takes 4 s."""
    return [python, "-m", "pip", "--python", interpreter, "--disable-pip-version-check"]


def _compile(python: Path, recipe: Recipe, work: Path, steps: Steps, say: Callable[[str], None]) -> Path:
    """Run the package's own build; returns the wheel."""
    for note in recipe.notes:
        say(note)
    say(
        f"Building {PACKAGE} {recipe.version} for this machine ({recipe.backend}); this happens once. Log: {steps.log}"
    )
    interpreter = tools(python, work / "tools", steps)
    environment = dict(recipe.environment)
    environment.pop("PYTHONPATH", None)
    environment["PATH"] = os.pathsep.join([str(interpreter.parent), environment.get("PATH", os.defpath)])
    source = sources.fetch(pip(python, interpreter), recipe.pinned, work, environment, steps)
    settings: dict[str, str | list[str]] = {
        f"cmake.define.{name}": value for name, value in recipe.defines.items()
    }
    settings |= {"build-dir": str(work / "build"), "wheel.exclude": _OUTSIDE}
    command: list[str | Path] = [interpreter, HERE / "make_wheel.py", work, json.dumps(settings)]
    progress = Progress(sys.stderr)
    try:
        steps.run("Compiling llama.cpp", command, environment, source, progress.line)
    finally:
        progress.close()
    say(f"Built in {clock(progress.seconds())}.")
    return next(work.glob("*.whl"))


def _check_space(folder: Path) -> None:
    free = shutil.disk_usage(folder).free // 10**6
    if free < _SPACE:
        raise BuildError(
            f"The disk is too full to build: {free} MB are free in {folder}, {_SPACE} MB are needed.",
            "Free some space, or set XDG_CACHE_HOME to a folder on another disk.",
        )
