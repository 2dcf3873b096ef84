"""Measure and report. Every figure stands beside its target; `--quick` takes fewer samples.

Decoding through mull's loop against the bare C API on a 0.5B-shape model, slice by slice at the same depth; pebble's
tokens per second; start-up; peak memory. The first run writes the random model (0.4 GB) to the temporary folder.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path

from mull.engine import native
from mull.engine.check import PEBBLE
from mull.engine.loop import Engine, Piece, Request
from mull.engine.model import load
from mull.engine.threads import default_threads
from mull.settings import EngineSettings, Sampling
from tests.bench.bare import BareLoop
from tests.bench.measure import alternate, command, peak_memory, quartiles
from tests.models.random_model import QWEN3_0_6B, cached

GREEDY = Sampling(temperature=0.0)
PROMPT = list(range(1000, 1032))


def line(name: str, value: str, target: str) -> None:
    print(f"{name:<58} {value:<46} target {target}", flush=True)


def decoding(path: Path, state: Path, *, slices: int, tokens: int = 8) -> None:
    """Generate on the same weights in turn: with all threads by the clock on the wall, and with one thread by CPU
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
    settings = EngineSettings(threads=threads)
    with load(path, settings, state_dir=state, trusted=True) as model, Engine(model, settings) as engine:
        generation = engine.generate(Request(PROMPT, GREEDY))
        next(event for event in generation if isinstance(event, Piece))
        bare = BareLoop(native.bindings(), model.handle or 0, n_ctx=engine.n_ctx, threads=threads)
        bare.prompt(PROMPT)
        bare.generate(1)
        measured = alternate(
            lambda: list(islice(generation, tokens)), lambda: bare.generate(tokens), slices, clock
        )
        bare.close()
        generation.close()
    return measured


def pebble(state: Path, *, runs: int) -> None:
    """The built-in model as it comes: threads, context and samplers chosen by mull. It has one thread, so CPU time
    tells what an idle machine would do."""
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


def start_up(state: Path, *, runs: int) -> None:
    """Whole processes, warm files."""
    env = _environment(state)
    version, typer = command("-m", "mull", "--version", **env), command("-c", "import typer")
    ask = command("-m", "mull", "ask", "--no-reason", "What is 12 + 30?", **env)
    for warm_up in (version, typer, ask):
        warm_up()
    ours, theirs = alternate(version, typer, runs)
    ratio = quartiles([a / b for a, b in zip(ours, theirs, strict=True)])
    line('mull --version / python -c "import typer"', str(ratio), "<= 1.5")
    walls, bare = alternate(ask, command("-c", "pass"), runs)
    line("mull ask, pebble, no thinking, seconds (best, median)", _best(walls), "<= 1.0")
    line("  python -c pass, seconds (best, median)", _best(bare), "-")


def _best(sample: list[float]) -> str:
    return f"{min(sample):.2f}, {statistics.median(sample):.2f}"


def _environment(state: Path) -> dict[str, str]:
    """Nothing of the user's own settings and sessions is read or written."""
    return {f"XDG_{kind}_HOME": str(state) for kind in ("STATE", "CONFIG", "DATA", "CACHE")}


def memory(path: Path, state: Path) -> None:
    """The same model, prompt and number of tokens; the bare loop gets the context that mull chooses."""
    env = _environment(state)
    ours = peak_memory("-m", "mull", "ask", "-m", str(path), "--max-tokens", "4", "hello", **env)
    theirs = peak_memory("-m", "tests.bench.bare", str(path), "256", "32", "4")
    line(
        "peak memory above a bare C API loop",
        f"{(ours - theirs) / 1e6:.0f} MB ({ours / 1e6:.0f} - {theirs / 1e6:.0f})",
        "<= 60 MB",
    )


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer samples")
    parser.add_argument("--only", choices=("decode", "pebble", "start", "memory"))
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder)
        llama = native.prepare(state)
        print(f"{platform.machine()}, {default_threads()} threads, Python {platform.python_version()}")
        print(f"llama.cpp {native.version()}: {native.system_info()}\n")
        del llama
        if asked.only in {None, "decode"}:
            decoding(cached(QWEN3_0_6B), state, slices=8 if asked.quick else 40)
        if asked.only in {None, "pebble"}:
            pebble(state, runs=3 if asked.quick else 10)
        if asked.only in {None, "start"}:
            start_up(state, runs=3 if asked.quick else 11)
        if asked.only in {None, "memory"} and sys.platform != "win32":
            memory(cached(QWEN3_0_6B), state)


if __name__ == "__main__":
    main()
