"""Find the fastest engine settings for one model on this machine, one knob after the other, and store them.

In: a loaded model, the user's settings (they are fixed), a time budget. Out: what was tried and chosen, step by step,
then a `Tuned` to store. A setting replaces the built-in rule's only if it was faster in every round, and by more than
noise: a busy machine must not leave odd settings behind. Faster means a typical turn: a prompt processed and an
answer generated.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from mull.bench.measure import Stopped, Trial, measure
from mull.dataclass import dataclass
from mull.engine import tuned
from mull.engine.compute_params import DEFAULT_BATCH_SIZE, SMALL_MODEL, choose_params, reasons
from mull.engine.context import attention_for
from mull.engine.engine import Engine
from mull.engine.model import Model
from mull.engine.threads import default_threads
from mull.engine.tuned import KNOBS, Tuned, format_value
from mull.errors import EngineError, UsageError
from mull.fs import paths
from mull.settings import EngineSettings

__all__ = ["KNOBS", "Tuned", "format_value"]  # of the engine, for the command

PROMPT, ANSWER = 512, 256  # tokens of a typical turn
BATCHES = (256, 512, 1024)
GAIN = {"kv_type": 1.10}
"""By what factor a setting must be faster; a quantized KV cache also costs accuracy."""
LEAST_GAIN = 1.05
ROUNDS = 3
HOPELESS = 2.0  # times as slow as the fastest: not tried again
STEP = 2.0  # seconds that one prefill step takes at most, whatever the batch size
SECONDS = 4.0  # that one sample of one setting should take at most
DEEP = 1024  # tokens in the context before the timed ones, where attention settings are compared


@dataclass(frozen=True, slots=True)
class Trying:
    """A setting of a knob is about to be measured."""

    knob: str
    value: Any


@dataclass(frozen=True, slots=True)
class Tried:
    """One setting of a knob: prompt (`reads`) and generation (`writes`) speed, medians in tokens per second; and the
    time of a turn relative to the built-in rule's setting, median and worst: below 1.0 is faster."""

    knob: str
    value: Any
    reads: float
    writes: float
    ratio: float
    worst: float


@dataclass(frozen=True, slots=True)
class Chosen:
    """The chosen setting of a knob, and why."""

    knob: str
    value: Any
    reason: str


def tune(
    model: Model, fixed: EngineSettings, stopped: Stopped, *, rounds: int = ROUNDS, seconds: float = SECONDS
) -> Iterator[Trying | Tried | Chosen | Tuned]:
    """Yield what is tried and chosen, then the `Tuned`. Raises Interrupted, and EngineError if nothing works."""
    best = replace(fixed, draft="off")
    chosen: dict[str, Any] = {}
    why: dict[str, str] = {}
    sizes = _sizes(model, best, stopped, seconds)
    for knob in ("threads", "flash_attention", "batch_size", "kv_type"):
        if getattr(fixed, knob) is not None:
            yield Chosen(knob, getattr(fixed, knob), "set by you")
            continue
        rule = getattr(choose_params(model.n_params, best), knob)
        values = [rule, *(value for value in _candidates(knob, model, best, sizes) if value != rule)]
        tried: list[Tried] = []
        for one in _compare(model, best, knob, values, sizes, stopped, rounds) if len(values) > 1 else ():
            if isinstance(one, Tried):
                tried.append(one)
            yield one
        choice = _choose(knob, rule, tried, model)
        yield choice
        chosen[knob], why[knob] = choice.value, choice.reason
        best = replace(best, **{knob: choice.value})
    day = time.strftime("%Y-%m-%d")
    yield Tuned(model=model.name, when=day, **chosen, reasons=why)


def _candidates(knob: str, model: Model, settings: EngineSettings, sizes: _Sizes) -> Sequence[Any]:
    if knob == "threads":
        cores, every = default_threads(), os.cpu_count() or 1
        small = model.n_params <= SMALL_MODEL
        return sorted(
            {1, 2} & set(range(1, every + 1)) if small else {max(1, cores // 2), cores - 1 or 1, cores, every}
        )
    if knob == "flash_attention":
        return (
            attention_for(model, settings, sizes.depth or DEFAULT_BATCH_SIZE).flash is False,
        )  # the opposite of the built-in rule
    if knob == "batch_size":  # a batch that is never filled shows nothing
        return [size for size in BATCHES if size <= sizes.batches]
    return ("f16", "q8_0")


@dataclass(frozen=True, slots=True)
class _Sizes:
    """Tokens to process and generate per sample, and before them where attention matters: as many as time allows."""

    read: int
    write: int
    depth: int
    batches: int  # to process where batch sizes are compared: what one step does at this speed


def _sizes(model: Model, settings: EngineSettings, stopped: Stopped, seconds: float) -> _Sizes:
    with Engine(model, settings) as engine:
        measure(engine, Trial("first", 4), stopped)
        room = engine.n_ctx_max - 8
        reads = measure(engine, Trial("read", min(128, room // 4)), stopped)
        writes = measure(engine, Trial("write", min(8, room // 4)), stopped)
    read = _within(int(reads * seconds / 2), 32, min(2 * PROMPT, room // 3))
    write = _within(int(writes * seconds / 2), 4, min(64, room // 3))
    depth = _within(int(reads * seconds), 32, min(DEEP, room // 3))
    return _Sizes(read, write, depth, min(max(BATCHES), room // 2, int(STEP * reads)))


def _within(value: int, low: int, high: int) -> int:
    return max(1, min(max(low, value), high))


def _compare(
    model: Model,
    settings: EngineSettings,
    knob: str,
    values: Sequence[Any],
    sizes: _Sizes,
    stopped: Stopped,
    rounds: int,
) -> Iterator[Trying | Tried]:
    """All settings of a knob, alternating within each round; those that this model or device refuses are left out."""
    deep = sizes.depth if knob in {"flash_attention", "kv_type"} else 0
    read = sizes.batches if knob == "batch_size" else sizes.read
    reading, writing = Trial("read", read, deep), Trial("write", sizes.write, deep)
    with ExitStack() as engines:
        able: list[tuple[Any, Engine]] = []
        for value in values:
            try:
                engine = engines.enter_context(Engine(model, replace(settings, **{knob: value})))
                measure(engine, Trial("first", 4), stopped)
            except (EngineError, UsageError):
                continue
            able.append((value, engine))
        samples: dict[Any, list[tuple[float, float]]] = {value: [] for value, _ in able}
        for number in range(rounds):
            for value, engine in able if number % 2 == 0 else reversed(able):
                yield Trying(knob, value)
                samples[value].append((measure(engine, reading, stopped), measure(engine, writing, stopped)))
            fastest = min(_turn(samples[value][-1]) for value, _ in able)
            able = [
                (value, engine)
                for value, engine in able
                if value == values[0] or _turn(samples[value][-1]) < HOPELESS * fastest
            ]
    if not samples:
        return
    rule = samples.get(values[0]) or next(iter(samples.values()))
    for value, found in samples.items():
        ratios = [_turn(one) / _turn(other) for one, other in zip(found, rule, strict=False)]
        reads, writes = (statistics.median(sample[part] for sample in found) for part in (0, 1))
        yield Tried(knob, value, reads, writes, statistics.median(ratios), max(ratios))


def _turn(sample: tuple[float, float]) -> float:
    """Seconds of a typical turn at these speeds."""
    reads, writes = sample
    return PROMPT / reads + ANSWER / writes


def _choose(knob: str, rule: Any, tried: Sequence[Tried], model: Model) -> Chosen:
    needed = GAIN.get(knob, LEAST_GAIN)
    steady = [one for one in tried if one.worst < 1 and one.ratio * needed <= 1]
    best = min(steady, key=lambda one: one.ratio, default=None)
    if best is None:
        tail = "; nothing else was clearly faster" if tried else ""
        return Chosen(knob, rule, f"{reasons(model.n_params)[knob]}{tail}")
    faster = f"{1 / best.ratio - 1:.0%}"
    return Chosen(knob, best.value, f"a turn was {faster} faster than with {format_value(rule)}")


# Tuned settings on disk.


def save_tuned(path: Path, found: Tuned) -> None:
    """Store the tuned settings of a model file, for this machine. Raises OSError."""
    tuned.save(path, paths.private_dir(paths.state_dir()), found)


def stored_tuned() -> Sequence[Tuned]:
    """The tuned settings of every model on this machine."""
    return tuned.load_all(paths.state_dir())


def remove_tuned(path: Path) -> bool:
    """Remove the tuned settings of a model file; returns whether there were any. Raises OSError."""
    return tuned.remove(path, paths.state_dir())
