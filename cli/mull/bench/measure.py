"""Measure the prompt-processing and generation speed of loaded models, at several context depths.

In: engines, what to measure, how often, and a stop. Out: tokens per second, sample by sample, and their medians and
quartiles (`Spread`). Engines alternate within a round, and every round reverses their order: on a machine with other
load, only that makes figures comparable. Speculative decoding and the prompt cache are not used.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Literal

from mull.dataclass import dataclass
from mull.engine.engine import Engine, Piece, Request
from mull.errors import Interrupted
from mull.settings import Sampling

GREEDY = Sampling(temperature=0.0)
QUESTION = 20  # tokens of the question whose first answering token is timed
Stopped = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Trial:
    """Processing (read) or generating (write) `tokens` tokens with `depth` tokens before them, or a first token.

    `parallel`: with so many turns at a time; None: alone.
    """

    kind: Literal["read", "write", "first"]
    tokens: int
    depth: int = 0
    parallel: int | None = None

    @property
    def name(self) -> str:
        """llama-bench's name: pp is prompt processing, tg text generation."""
        at = f" @ {self.depth}" if self.depth else ""
        many = f" x{self.parallel}" if self.parallel is not None else ""
        if self.kind == "first":
            return f"first token{many}"
        return f"{'pp' if self.kind == 'read' else 'tg'}{self.tokens}{at}{many}"


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
    """The trials that fit the context of the model."""
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
    """Yield every engine's sample of every trial, round by round: engine index, trial, value (None: about to start).

    Raises Interrupted.
    """
    for engine in engines:  # a warm-up: the first steps of a context are slower
        measure(engine, Trial("first", 4), stopped)
    for number in range(count):
        order = list(range(len(engines)))
        for trial in every:
            for index in order if number % 2 == 0 else reversed(order):
                yield index, trial, None
                yield index, trial, measure(engines[index], trial, stopped)


def measure(engine: Engine, trial: Trial, stopped: Stopped) -> float:
    """Tokens per second, or seconds for a first token. Raises Interrupted.

    Trials without depth run in a context of just their size: a larger one is slower.
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
        began = time.perf_counter()
        read = sum(isinstance(event, Piece) for event in generation)
        seconds = max(time.perf_counter() - began, 1e-9)
        if not read:
            raise Interrupted
        return seconds if trial.kind == "first" else (len(before) + len(fresh) - generation.cached) / seconds


def _write(engine: Engine, trial: Trial, stopped: Stopped) -> float:
    prompt = words(engine, max(trial.depth, 1), seed=trial.depth)
    generation = engine.generate(
        Request(prompt, GREEDY, max_tokens=trial.tokens + 1, ignored_eog=_EVERY), stopped
    )
    with generation:
        pieces = (event for event in generation if isinstance(event, Piece))
        next(pieces, None)
        began = time.perf_counter()
        written = sum(1 for _ in pieces)
        if written < trial.tokens:
            raise Interrupted
        return written / max(time.perf_counter() - began, 1e-9)


def _run(engine: Engine, prompt: list[int], tokens: int, stopped: Stopped) -> None:
    with engine.generate(
        Request(prompt, GREEDY, max_tokens=tokens, ignored_eog=_EVERY), stopped
    ) as generation:
        if not any(isinstance(event, Piece) for event in generation):
            raise Interrupted


def words(engine: Engine, count: int, *, seed: int | None) -> list[int]:
    """Random ordinary tokens: the same ones for a seed, different ones every time without."""
    source, model = random.Random(seed), engine.model
    found: list[int] = []
    while len(found) < count:
        token = source.randrange(model.n_vocab)
        if not (model.is_special(token) or model.is_eog(token)):
            found.append(token)
    return found


class _Every(frozenset[Any]):
    """The set of all tokens: no end-of-generation token ends a measurement."""

    def __contains__(self, _token: object) -> bool:
        return True


_EVERY = _Every()
