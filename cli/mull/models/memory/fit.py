"""Whether a model fits this machine, and how to load it.

In: a `MemoryLayout`, a `Machine`, and the user's own settings. Out: a `MemoryPlan`: context, GPU layers, experts in
main memory, KV cache type, the verdict and its reasons. The plan stays within free memory less a margin, without swap.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

from mull.dataclass import dataclass
from mull.models.memory.kv_size import CTX_STEP, SCORES
from mull.models.memory.layout import MemoryLayout
from mull.models.memory.machine import GIB, Machine

Verdict = Literal["gpu", "partial", "memory", "slow", "no"]

MIN_CTX = 4096  # tokens; less is too short for a conversation (unless the model was trained for less)
GOOD_CTX = 8192  # tokens; before a shorter context, a smaller KV type is tried
SLOW = 4.0  # tokens per second; slower than reading
FAST = 200.0  # tokens per second; faster than reading, and the estimate is no more exact

PROCESS = 400 << 20  # bytes: Python, llama.cpp, a vocabulary of 150,000 tokens
_RAM_SHARE = 0.04  # of all memory, left to other programs
_EFFICIENCY = 0.7  # share of the memory bandwidth reached when decoding
_TYPES = ("f16", "q8_0")  # q4_0 costs quality: only when the user asks


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """How to load a model. `gpu_layers` as in llama.cpp: the output counts as one more layer; -1 is all.

    `ram` and `vram` in bytes at the context of `ctx` tokens; `speed` in tokens per second, an estimate, None when the
    model does not fit. `exact`: from a header, not from the catalogue's figures.
    """

    ctx: int
    gpu_layers: int
    kv_type: str
    expert_offload: bool
    verdict: Verdict
    reasons: tuple[str, ...]
    ram: int
    vram: int
    layers: int
    speed: float | None
    exact: bool

    @property
    def fits(self) -> bool:
        return self.verdict != "no"

    @property
    def words(self) -> str:
        """The verdict for a table."""
        if self.verdict in {"no", "slow"}:
            return "does not fit" if self.verdict == "no" else "slow"
        if self.verdict == "gpu":
            return "fits on GPU"
        if self.expert_offload:
            return "fits with experts in memory"
        return f"fits with {self.gpu_layers} layers on GPU" if self.gpu_layers else "fits in memory"


@dataclass(frozen=True, slots=True)
class _Placement:
    """Where the weights go: `gpu` bytes of them, of `layers` layers (their KV cache too), and `cpu` bytes."""

    gpu_layers: int
    layers: int
    gpu: int
    cpu: int
    expert_offload: bool = False


def plan(
    layout: MemoryLayout,
    machine: Machine,
    *,
    ctx: int | None = None,
    gpu_layers: int | None = None,
    kv_type: str | None = None,
    drafts_all: bool = False,
) -> MemoryPlan:
    """The best way to load the model. The user's own settings are never changed: the verdict is "no" if they don't fit.

    `drafts_all`: count the memory of NextN layers and of states that are rolled back.

    Placements are tried from fast to slow: all layers on the GPU, experts in main memory, some layers on the GPU, all
    in main memory. The first one with enough context for a conversation is taken, with the longest context that fits,
    up to the trained one.
    """
    if not drafts_all:
        layout = replace(layout, nextn=(), saved_states=0)
    if not machine.devices and gpu_layers is not None:
        gpu_layers = 0  # llama.cpp ignores it too
    least = ctx or min(MIN_CTX, layout.n_ctx_train)
    good = ctx or min(GOOD_CTX, layout.n_ctx_train)
    most = ctx or layout.n_ctx_train
    types = (kv_type,) if kv_type else _TYPES
    for place in _placements(layout, machine, gpu_layers, good, types[0]):
        for wanted in dict.fromkeys((good, least)):
            for kind in types:
                room = _longest(layout, machine, place, wanted, most, kind)
                if room:
                    return _plan(layout, machine, place, room, kind)
    return _refusal(layout, machine, gpu_layers, least, types[-1])


def _placements(
    layout: MemoryLayout, machine: Machine, gpu_layers: int | None, ctx: int, kv_type: str
) -> Iterator[_Placement]:
    if gpu_layers is not None:
        yield _with_layers(layout, gpu_layers)
        return
    if machine.devices:
        yield _with_layers(layout, layout.layers + 1)
        if layout.experts:
            whole = _with_layers(layout, layout.layers + 1)
            yield replace(
                whole, gpu=whole.gpu - layout.experts, cpu=whole.cpu + layout.experts, expert_offload=True
            )
        count = _layers_that_fit(layout, machine, ctx, kv_type)
        if count > layout.layers // 10:
            yield _with_layers(layout, count)
    yield _with_layers(layout, 0)


def _with_layers(layout: MemoryLayout, count: int) -> _Placement:
    """`count` layers on the GPU, in llama.cpp's order: the output first, then the last layers; -1: all."""
    if count < 0:
        count = layout.layers + 1
    if count == 0:
        return _Placement(0, 0, 0, layout.weights)
    repeating = min(count - 1, layout.layers)
    on_gpu = layout.repeating * repeating // max(layout.layers, 1)
    gpu = on_gpu + layout.head
    cpu = layout.weights - on_gpu - layout.output
    return _Placement(-1 if repeating == layout.layers else count, repeating, gpu, cpu)


def _layers_that_fit(layout: MemoryLayout, machine: Machine, ctx: int, kv_type: str) -> int:
    """The largest number of layers whose weights and KV cache fit on the GPUs; 0 if not even the output does."""
    low, high = 0, layout.layers
    while low < high:
        middle = (low + high + 1) // 2
        _, vram = _needs(layout, _with_layers(layout, middle), ctx, kv_type)
        low, high = (middle, high) if vram <= _vram(machine) else (low, middle - 1)
    return low


def _needs(layout: MemoryLayout, place: _Placement, ctx: int, kv_type: str) -> tuple[int, int]:
    """Bytes of RAM and of device memory."""
    memory = layout.memory(ctx, kv_type) + layout.drafting(ctx, kv_type)
    on_gpu = memory * place.layers // max(layout.layers, 1)
    compute = layout.compute(ctx)
    ram = PROCESS + place.cpu + memory - on_gpu
    if place.gpu_layers == 0:
        return ram + compute + SCORES, 0
    split = place.expert_offload or place.gpu_layers > 0  # then CPU and GPU both compute
    return ram + (compute if split else compute // 4), place.gpu + on_gpu + compute


def _fits(layout: MemoryLayout, machine: Machine, place: _Placement, ctx: int, kv_type: str) -> bool:
    ram, vram = _needs(layout, place, ctx, kv_type)
    if vram > _vram(machine):
        return False
    return ram + (vram if _unified(machine) else 0) <= _ram(machine)


def _longest(
    layout: MemoryLayout, machine: Machine, place: _Placement, least: int, most: int, kv_type: str
) -> int:
    """The longest context between `least` and `most` that fits, in steps; 0 if not even `least` does."""
    if not _fits(layout, machine, place, least, kv_type):
        return 0
    if _fits(layout, machine, place, most, kv_type):
        return most
    low, high = least // CTX_STEP, most // CTX_STEP
    while low < high:
        middle = (low + high + 1) // 2
        fits = _fits(layout, machine, place, middle * CTX_STEP, kv_type)
        low, high = (middle, high) if fits else (low, middle - 1)
    longest = low * CTX_STEP
    return max(longest - longest % 1024 if longest >= 8 * 1024 else longest, least)


def _plan(layout: MemoryLayout, machine: Machine, place: _Placement, ctx: int, kv_type: str) -> MemoryPlan:
    ram, vram = _needs(layout, place, ctx, kv_type)
    speed = _speed(layout, machine, place)
    verdict: Verdict = "gpu" if place.gpu_layers == -1 else "partial" if place.gpu_layers else "memory"
    if place.expert_offload:
        verdict = "partial"
    if speed < SLOW:
        verdict = "slow"
    reasons = [f"needs {_gib(ram)} of {_gib(machine.ram_free)} free memory"]
    if vram:
        free = sum(gpu.free for gpu in machine.devices)
        reasons.insert(0, f"needs {_gib(vram)} of {_gib(free)} free on the GPU")
    if ctx < layout.n_ctx_train:
        reasons.append(f"memory for {ctx:,} of its {layout.n_ctx_train:,} tokens of context")
    if kv_type != "f16":
        reasons.append(f"KV cache in {kv_type} to save memory")
    return MemoryPlan(
        ctx=ctx,
        gpu_layers=place.gpu_layers,
        kv_type=kv_type,
        expert_offload=place.expert_offload,
        verdict=verdict,
        reasons=tuple(reasons),
        ram=ram,
        vram=vram,
        layers=layout.layers,
        speed=speed,
        exact=layout.exact,
    )


def _refusal(
    layout: MemoryLayout, machine: Machine, gpu_layers: int | None, ctx: int, kv_type: str
) -> MemoryPlan:
    place = _with_layers(layout, 0 if gpu_layers is None else gpu_layers)
    ram, vram = _needs(layout, place, ctx, kv_type)
    usable = _ram(machine) + (0 if _unified(machine) else _vram(machine))
    reasons = [f"needs {_gib(ram + vram)}, and {_gib(usable)} are available here"]
    if ram + vram <= machine.ram_total * (1 - _RAM_SHARE) - GIB:
        reasons.append("it would fit with other programs closed")
    done = _plan(layout, machine, place, ctx, kv_type)
    return replace(done, verdict="no", reasons=tuple(reasons), speed=None)


def _speed(layout: MemoryLayout, machine: Machine, place: _Placement) -> float:
    """Tokens per second at an empty context: bytes read per token over the memory bandwidth."""
    share = place.layers / max(layout.layers, 1)
    active = layout.always_read
    on_gpu = active * share
    if place.expert_offload:
        on_gpu = layout.repeating - layout.experts
    on_cpu = active - on_gpu
    if place.gpu_layers:
        on_gpu += layout.head
    else:
        on_cpu += layout.head
    rate = sum(gpu.bandwidth for gpu in machine.devices) / max(len(machine.devices), 1) or machine.bandwidth
    return _EFFICIENCY / (on_gpu / rate + on_cpu / machine.bandwidth + 1e-12)


def _ram(machine: Machine) -> int:
    return max(0, machine.ram_free - round(machine.ram_total * _RAM_SHARE))


def _vram(machine: Machine) -> int:
    return sum(gpu.room for gpu in machine.devices)


def _unified(machine: Machine) -> bool:
    return any(gpu.unified for gpu in machine.devices)


def _gib(size: int) -> str:
    return f"{size / GIB:.1f} GiB"
