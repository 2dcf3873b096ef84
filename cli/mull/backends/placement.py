"""Where a model's layers went while it was loaded, and why: for `--stats` and the JSON.

In: the loaded model, the user's engine settings, and those that it was loaded with. Out: a `Placement`.
"""

from __future__ import annotations

from mull.engine.model import Model
from mull.engine.native import devices
from mull.events import Placement
from mull.settings import DEVICE_NONE, EngineSettings


def placement(model: Model, asked: EngineSettings, used: EngineSettings) -> Placement:
    """The devices of the model's layers; without one, the CPU computes all."""
    layers = model.n_layer + 1  # llama.cpp counts the output
    if not model.on_gpu:
        return Placement((), 0, layers, _why_cpu(asked))
    on = tuple(device.name for device in devices.chosen(used))
    count = used.gpu_layers
    count = layers if count is None or not 0 <= count < layers else count
    return Placement(on, count, layers, _why_gpu(asked, used, whole=count == layers))


def _why_cpu(asked: EngineSettings) -> str:
    if asked.device == DEVICE_NONE or asked.gpu_layers == 0:
        return "as set"
    if not devices.has_gpu_backend():
        return "this build of llama.cpp has no GPU backend"
    if not devices.chosen(asked):
        return "llama.cpp finds no GPU"
    return "the GPU has no memory for its layers"


def _why_gpu(asked: EngineSettings, used: EngineSettings, *, whole: bool) -> str:
    if asked.gpu_layers is not None:
        return "as set"
    if used.cpu_experts:
        return "it fits with its experts in main memory"
    return "it fits on the GPU" if whole else "the GPU has no memory for more"
