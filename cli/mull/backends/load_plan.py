"""This machine's memory and devices, and how a model is best loaded on it.

In: llama.cpp's device list, the state folder, a model's path. Out: a `Machine`; engine settings completed by the memory
plan; how the layers are split between machines; how many turns to decode in parallel. llama.cpp is asked for devices
only if it was built with a GPU backend.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from mull.engine import tuned
from mull.engine.compute_params import SMALL_FILE
from mull.engine.native import devices, library
from mull.errors import ModelFileError, MullError
from mull.fs import paths
from mull.models.gguf.header import DAMAGED, read_header
from mull.models.gguf.kind import NOT_CHAT
from mull.models.memory.fit import MemoryPlan
from mull.models.memory.machine import Machine, measure
from mull.models.memory.plan_file import load_settings, shared_context
from mull.settings import EngineSettings, ParallelSettings

WIDEST = 32
"""Sequences. A CPU's rate rises steeply to 16 and little beyond 32: with a model of half a billion weights 26, 54, 116
and 136 tokens per second at 1, 4, 16 and 32 on two cores with AMX (llama-batched-bench); on a Zen 4 core 38, 43, 70
and 77 at 1, 8, 16 and 32, and 66 at 64 (per second of CPU time, short contexts)."""

WIDEST_SMALL = 8
SMALL = 64 << 20
"""Bytes of weights that fit a CPU's cache: reading them once for many sequences saves little, while each sequence's
attention over the shared KV cache soon costs as much (pebble takes the least CPU time at 4 to 8 sequences; at 32 as
much as one by one)."""

TYPICAL = 1024
"""Tokens of a prompt with its answer. Where memory has room for fewer per sequence, sequences would only preempt each
other and compute their prompts again; single longer ones are fine."""


def this_machine(settings: EngineSettings | None = None, *, speed: bool = True) -> Machine:
    """Memory of this machine, and the devices that llama.cpp uses with these settings (None: the defaults).

    `speed` False: skip the memory bandwidth, which takes 30 ms to measure.
    """
    usable: Sequence[devices.Device] = ()
    if devices.has_gpu_backend():
        with suppress(MullError, OSError):  # `mull doctor` explains a library that does not load
            library.prepare(paths.private_dir(paths.state_dir()))
            usable = devices.chosen(settings or EngineSettings())
    machine = measure(usable, state_file("bandwidth"), speed=speed)
    if any(device.remote for device in usable):
        from mull.backends.rpc.hosts import hosts
        from mull.models.memory.hosts import once_per_host

        memory = next((one.memory_total for one in devices.devices() if one.kind == "cpu"), 0)
        return once_per_host(machine, hosts([device for device in usable if device.memory_total], memory))
    return machine


def tensor_split(settings: EngineSettings) -> tuple[float, ...] | None:
    """The share of the layers for each device of `devices.chosen`: by the memory that the plan counts on.

    None where no worker is among them: llama.cpp then splits by free memory, which each device has to itself. The
    workers of a host would each get a share for the whole host.
    """
    used = devices.chosen(settings)
    if not any(device.remote for device in used):
        return None
    counted = iter(this_machine(settings, speed=False).devices)
    rooms = [next(counted).room if device.memory_total else 0 for device in used]
    whole = sum(rooms)
    return tuple(room / whole for room in rooms) if whole else None


def planned(
    path: Path, settings: EngineSettings, *, trusted: bool = False, as_tuned: bool = True
) -> tuple[EngineSettings, MemoryPlan | None]:
    """The engine settings to load a file with: the user's, else those tuned (`as_tuned`), else the memory plan's.

    The plan is None for a file too small to need one. `trusted`: the file's bytes are those that were published.
    Raises ModelFileError for what is no language model, and for a damaged header: its absurd counts would make
    llama.cpp allocate gigabytes. A header that mull cannot parse is left to llama.cpp to judge.
    """
    try:
        if path.stat().st_size >= SMALL_FILE:  # a smaller one's header is not worth reading
            record = state_file("loaded-layouts.json")
            best, plan = load_settings(path, this_machine(settings, speed=False), settings, record=record)
            return tuned.apply(_remembered(path, as_tuned), settings, best), plan
        if not trusted:
            read_header(path)
    except ModelFileError as error:
        if error.code in {DAMAGED, NOT_CHAT}:
            raise
    except (MullError, OSError):
        pass
    return tuned.apply(_remembered(path, as_tuned), settings, settings), None


def _remembered(path: Path, wanted: bool) -> tuned.Tuned | None:
    return tuned.load(path, paths.state_dir()) if wanted else None


def parallel_plan(path: Path, settings: EngineSettings, parallel: ParallelSettings) -> tuple[int, int | None]:
    """How many turns to decode in parallel, and the tokens that free memory has room for, all together.

    The second is None where it cannot be determined: then the context window is the only limit.
    """
    try:
        room = shared_context(path, this_machine(settings, speed=False), settings, parallel.width or WIDEST)
    except (MullError, OSError):
        room = None
    return parallel.width or best_width(path.stat().st_size, room, parallel.turns), room


def best_width(weights: int, room: int | None, turns: int | None) -> int:
    """The number of sequences at which this machine decodes fastest, for a model file of `weights` bytes.

    `room`: tokens that memory has room for (None: more than enough). `turns`: how many there are (None: unknown).
    """
    most = WIDEST_SMALL if weights < SMALL else WIDEST
    fits = most if room is None else room // TYPICAL
    return max(1, min(most, fits, most if turns is None else turns))


def state_file(name: str) -> Path | None:
    """The path of a file in the state folder; None where that folder cannot be created."""
    try:
        return paths.private_dir(paths.state_dir()) / name
    except OSError:
        return None
