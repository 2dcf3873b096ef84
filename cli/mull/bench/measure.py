"""How quickly loaded models read and write: prompts and generation, at depths, in turn.

In: engines under labels, what to measure, how often, and whether to stop. Out: tokens per second, sample by sample, so
that somebody can watch; then their medians and quartiles. Engines go in turn, who goes first changing with every
round: on a machine that does other things too, only that makes figures comparable. Drafts and caches are kept out.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from mull.engine.engine import Engine, Piece, Request
from mull.errors import ExitCode, MullError
from mull.settings import Sampling

GREEDY = Sampling(temperature=0.0)
QUESTION = 20  # tokens of the question whose first answering token is timed
Stopped = Callable[[], bool]


class BenchInterrupted(MullError):
    """Stopped while measuring."""

    def __init__(self) -> None:
        super().__init__("interrupted", "Interrupted.", exit_code=ExitCode.INTERRUPTED)


@dataclass(frozen=True, slots=True)
class Trial:
    """Reading or writing so many tokens after `depth` others. A first token is timed in seconds, not in a rate."""

    kind: Literal["read", "write", "first"]
    tokens: int
    depth: int = 0

    @property
    def name(self) -> str:
        """As llama-bench calls it: pp is prompt processing, tg text generation."""
        if self.kind == "first":
            return "first token"
        at = f" @ {self.depth}" if self.depth else ""
        return f"{'pp' if self.kind == 'read' else 'tg'}{self.tokens}{at}"


@dataclass(frozen=True, slots=True)
class Spread:
    """Median and quartiles of a sample."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, sample: Sequence[float]) -> Spread:
        if len(sample) < 2:
            return cls(sample[0], sample[0], sample[0])
        low, median, high = statistics.quantiles(sample, n=4, method="inclusive")
        return cls(median, low, high)


def trials(engine: Engine, *, prompt: int, tokens: int, depths: Iterable[int]) -> list[Trial]:
    """What fits the model's context of these."""
    room = engine.n_ctx_max
    every = [Trial("first", min(QUESTION, room - 2))]
    for depth in depths:
        if prompt and depth + prompt < room:
            every.append(Trial("read", prompt, depth))
        if tokens and depth + tokens + 2 < room:
            every.append(Trial("write", tokens, depth))
    return every


def rounds(
    engines: Sequence[Engine], every: Sequence[Trial], count: int, stopped: Stopped
) -> Iterator[tuple[int, Trial, float | None]]:
    """Every engine's sample of every trial, round by round: engine number, trial, value (None before it is measured).

    Raises Interrupted.
    """
    for engine in engines:  # once for nothing: the first steps of a context are slower
        measure(engine, Trial("first", 4), stopped)
    for number in range(count):
        order = list(range(len(engines)))
        for trial in every:
            for index in order if number % 2 == 0 else reversed(order):
                yield index, trial, None
                yield index, trial, measure(engines[index], trial, stopped)


def measure(engine: Engine, trial: Trial, stopped: Stopped) -> float:
    """Tokens per second; seconds for the first token. Raises Interrupted.

    What begins a conversation is measured in a context of that size: one that was made for more is slower there.
    """
    if trial.depth or trial.kind == "first":
        return _measure(engine, trial, stopped)
    with Engine(engine.model, engine.settings) as fresh:
        fresh.reserve(trial.tokens + 2)
        _measure(fresh, Trial("first", 4), stopped)
        return _measure(fresh, trial, stopped)


def _measure(engine: Engine, trial: Trial, stopped: Stopped) -> float:
    if trial.kind == "write":
        return _write(engine, trial, stopped)
    before = words(engine, trial.depth, seed=trial.depth)
    if trial.depth:
        _run(engine, [*before, 1], 1, stopped)
    fresh = words(engine, trial.tokens, seed=None)
    generation = engine.generate(
        Request([*before, *fresh], GREEDY, max_tokens=1, ignored_eog=_EVERY), stopped
    )
    with generation:
        begun = time.perf_counter()
        read = sum(isinstance(event, Piece) for event in generation)
        seconds = max(time.perf_counter() - begun, 1e-9)
        if not read:
            raise BenchInterrupted
        return seconds if trial.kind == "first" else (len(before) + len(fresh) - generation.cached) / seconds


def _write(engine: Engine, trial: Trial, stopped: Stopped) -> float:
    prompt = words(engine, max(trial.depth, 1), seed=trial.depth)
    generation = engine.generate(
        Request(prompt, GREEDY, max_tokens=trial.tokens + 1, ignored_eog=_EVERY), stopped
    )
    with generation:
        pieces = (event for event in generation if isinstance(event, Piece))
        next(pieces, None)
        begun = time.perf_counter()
        written = sum(1 for _ in pieces)
        if written < trial.tokens:
            raise BenchInterrupted
        return written / max(time.perf_counter() - begun, 1e-9)


def _run(engine: Engine, prompt: list[int], tokens: int, stopped: Stopped) -> None:
    with engine.generate(
        Request(prompt, GREEDY, max_tokens=tokens, ignored_eog=_EVERY), stopped
    ) as generation:
        if not any(isinstance(event, Piece) for event in generation):
            raise BenchInterrupted


def words(engine: Engine, count: int, *, seed: int | None) -> list[int]:
    """Ordinary tokens by chance: the same for a seed, others every time without one."""
    source, model = random.Random(seed), engine.model
    found: list[int] = []
    while len(found) < count:
        token = source.randrange(model.n_vocab)
        if not (model.is_special(token) or model.is_eog(token)):
            found.append(token)
    return found


class _Every(frozenset[Any]):
    """All tokens: nothing ends a measurement but its length."""

    def __contains__(self, _token: object) -> bool:
        return True


_EVERY = _Every()
