"""Decoding with mull's loop against a bare loop on the C API, and pebble with its default settings.

The two loops share the weights of a 0.5B-shape model and run in alternation, slice by slice, always equally deep
in their contexts. The first run writes the random model (0.4 GB) to the temporary folder.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path

from mull.engine.engine import Engine, Piece, Request
from mull.engine.model import load
from mull.engine.native import library
from mull.engine.native.selfcheck import PEBBLE
from mull.engine.threads import default_threads
from mull.settings import DRAFT_OFF, EngineSettings, Sampling
from tests.bench.bare import BareLoop
from tests.bench.measure import alternate, line, quartiles
from tests.model_files.random_model import QWEN3_0_6B, cached

GREEDY = Sampling(temperature=0.0)
PROMPT = list(range(1000, 1032))


def decoding(path: Path, state: Path, *, slices: int, tokens: int = 8) -> None:
    """Generate on the same weights in alternation: with all threads by wall time, and with one thread by CPU
    time, which other programs on the machine hardly disturb."""
    ours, theirs = _side_by_side(path, state, default_threads(), slices, tokens, time.perf_counter)
    line("decode, mull / bare C API (0.5B shape, Q4_K_M)", _compared(ours, theirs), ">= 0.97")
    line("  mull, tokens per second (median)", f"{tokens / statistics.median(ours):.1f}", "-")
    line("  bare C API, tokens per second (median)", f"{tokens / statistics.median(theirs):.1f}", "-")
    ours, theirs = _side_by_side(path, state, 1, slices, tokens, time.process_time)
    line("  the same with one thread, in CPU time", _compared(ours, theirs), ">= 0.97")


def _compared(ours: list[float], theirs: list[float]) -> str:
    return str(quartiles([b / a for a, b in zip(ours, theirs, strict=True)]))


def _side_by_side(
    path: Path, state: Path, threads: int, slices: int, tokens: int, clock: Callable[[], float]
) -> tuple[list[float], list[float]]:
    """Seconds per slice of a few tokens, mull's and the bare loop's, always equally deep in their contexts."""
    settings = EngineSettings(threads=threads, draft=DRAFT_OFF)
    with load(path, settings, state_dir=state, trusted=True) as model, Engine(model, settings) as engine:
        generation = engine.generate(Request(PROMPT, GREEDY))
        next(event for event in generation if isinstance(event, Piece))
        bare = BareLoop(library.bindings(), model.handle or 0, n_ctx=engine.n_ctx, threads=threads)
        bare.prompt(PROMPT)
        bare.generate(1)
        measured = alternate(
            lambda: list(islice(generation, tokens)), lambda: bare.generate(tokens), slices, clock
        )
        bare.close()
        generation.close()
    return measured


def pebble(state: Path, *, runs: int) -> None:
    """The built-in model with its defaults: threads, context and samplers chosen by mull. It has one thread, so CPU
    time tells what an idle machine would do."""
    settings = EngineSettings()
    with load(PEBBLE, settings, state_dir=state, trusted=True) as model, Engine(model, settings) as engine:
        prompt = model.tokenize("<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n", special=True)
        _generate(engine, prompt, 50)
        measured = [_generate(engine, prompt, 500) for _ in range(runs)]
    walls = [count / wall for count, wall, _ in measured]
    cpus = [count / cpu for count, _, cpu in measured]
    line(
        "pebble, tokens per second (best, median)",
        f"{max(walls):.0f}, {statistics.median(walls):.0f}",
        ">= 1500",
    )
    line("  per second of CPU time (best, median)", f"{max(cpus):.0f}, {statistics.median(cpus):.0f}", "-")


def _generate(engine: Engine, prompt: list[int], tokens: int) -> tuple[int, float, float]:
    """At least so many tokens, in as many answers as that takes: tokens, seconds, CPU seconds after each first one."""
    count, wall, cpu = 0, 0.0, 0.0
    while count < tokens:
        generation = engine.generate(Request(prompt, Sampling(temperature=1.0), max_tokens=400))
        next(event for event in generation if isinstance(event, Piece))
        begun, worked = time.perf_counter(), time.process_time()
        count += sum(isinstance(event, Piece) for event in generation)
        wall += time.perf_counter() - begun
        cpu += time.process_time() - worked
    return count, wall, cpu


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.decoding", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer samples")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder)
        library.prepare(state)
        decoding(cached(QWEN3_0_6B), state, slices=8 if asked.quick else 40)
        pebble(state, runs=3 if asked.quick else 10)


if __name__ == "__main__":
    main()
