"""This machine as the library room wants to know it, and how a model is best loaded on it.

In: llama.cpp's device list, the state folder, a model's path. Out: a `Machine`, and settings that the fit completed.
llama.cpp is asked for its devices only where it was built with a backend that has any.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from mull.engine import tuned
from mull.engine.compute_params import SMALL_FILE
from mull.engine.native import library
from mull.errors import ModelFileError, MullError
from mull.fs import paths
from mull.models.gguf.header import DAMAGED, read_header
from mull.models.memory.fit import MemoryPlan
from mull.models.memory.machine import DeviceLike, Machine, measure
from mull.models.memory.plan_file import load_settings, shared_context
from mull.settings import EngineSettings


def this_machine(*, speed: bool = True) -> Machine:
    """What this machine has. `speed` False: without how fast its memory is, which takes 30 ms to measure."""
    devices: Sequence[DeviceLike] = ()
    if library.has_gpu_backend():
        with suppress(MullError, OSError):  # `mull doctor` explains a library that does not load
            library.prepare(paths.private_dir(paths.state_dir()))
            devices = library.devices()
    return measure(devices, state_file("bandwidth"), speed=speed)


def planned(
    path: Path, settings: EngineSettings, *, trusted: bool = False, as_tuned: bool = True
) -> tuple[EngineSettings, MemoryPlan | None]:
    """How to load a file here: what the user said, else what was tuned (`as_tuned`), else what the fit's plan says.

    No plan for what needs none.
    A header that cannot be understood is llama.cpp's to judge; one that is damaged raises ModelFileError, for with
    absurd counts in it llama.cpp takes gigabytes. `trusted`: the file's bytes are those that were published.
    """
    try:
        if path.stat().st_size >= SMALL_FILE:  # a smaller one's header is not worth reading
            best, plan = load_settings(path, this_machine(speed=False), settings)
            return tuned.apply(_remembered(path, as_tuned), settings, best), plan
        if not trusted:
            read_header(path)
    except ModelFileError as error:
        if error.code == DAMAGED:
            raise
    except (MullError, OSError):
        pass
    return tuned.apply(_remembered(path, as_tuned), settings, settings), None


def _remembered(path: Path, wanted: bool) -> tuned.Tuned | None:
    return tuned.load(path, paths.state_dir()) if wanted else None


def shared_room(path: Path, settings: EngineSettings, sequences: int) -> int | None:
    """Tokens that so many sequences may hold together in the memory that is free; None where nobody can tell."""
    try:
        return shared_context(path, this_machine(speed=False), settings, sequences)
    except (MullError, OSError):
        return None


def state_file(name: str) -> Path | None:
    """A file in the state folder; None where the disk refuses one."""
    try:
        return paths.private_dir(paths.state_dir()) / name
    except OSError:
        return None
