"""The layers that go to a GPU while a model loads: fewer where it has no memory, a notice where they are ignored.

In: the user's engine settings, those of the memory plan, and the function that loads. Out: a loaded model with the
settings that it was loaded with. Raises what loading raises: also the lack of device memory, where the user chose the
number of layers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from mull.engine.file_check import DEVICE_MEMORY
from mull.engine.model import Model
from mull.engine.native import devices
from mull.errors import EngineError
from mull.events import Notice
from mull.settings import DEVICE_NONE, EngineSettings

_SHARE = 2 / 3  # of the layers, for the next try


def load_within_memory(
    name: str,
    load: Callable[[EngineSettings], Model],
    wanted: EngineSettings,
    layers: int | None,
    report: Callable[[Notice], None],
) -> tuple[Model, EngineSettings]:
    """Load with the plan's layers on the GPU, or with as many as it has memory for.

    `layers`: of the model; None: the user chose how many go to the GPU, and no other number is tried.
    """
    asked = settings = wanted
    while True:
        try:
            model = load(settings)
        except EngineError as error:
            if error.code != DEVICE_MEMORY or layers is None or settings.gpu_layers == 0:
                raise
            settings = replace(settings, gpu_layers=_fewer(settings.gpu_layers, layers))
            continue
        if settings is not asked:
            report(Notice("fewer_gpu_layers", _less(name, settings, layers)))
        return model, settings


def ignored(said: EngineSettings) -> Notice | None:
    """A notice that the layers that the user asked for on a GPU stay on the CPU. Raises MullError for a device."""
    if devices.chosen(said) or said.gpu_layers in {None, 0}:
        return None
    why = "this build of llama.cpp has no GPU backend; mull doctor shows which build would use a card"
    if said.device == DEVICE_NONE:
        why = f"the device is {DEVICE_NONE}"
    elif devices.has_gpu_backend():
        why = "llama.cpp finds no GPU; mull doctor shows its devices"
    return Notice("gpu_layers_ignored", f"--gpu-layers {said.gpu_layers} has no effect: {why}.")


def _fewer(count: int | None, layers: int) -> int:
    """The next smaller number to try. None and -1 stand for all; llama.cpp counts the output as one more layer."""
    whole = layers + 1
    current = whole if count is None or count < 0 else min(count, whole)
    return int(current * _SHARE)


def _less(name: str, used: EngineSettings, layers: int | None) -> str:
    total = (layers or 0) + 1
    if used.gpu_layers == 0:
        return f"The GPU has no memory for {name}: the CPU computes it."
    return f"The GPU has no memory for all of {name}: {used.gpu_layers} of its {total} layers are on it."
