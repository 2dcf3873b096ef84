"""mull against llama.cpp's own tools on the same file, in alternation: llama-bench, llama-cli, llama-completion.

They are built once with `make bench-peers`. Generation and prompt processing at depths are compared with llama-bench,
which, as mull here, has its model loaded and warm; one question to an answer as whole processes, from start to exit.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from mull.backends.load_plan import WIDEST
from mull.engine.engine import Engine, Piece, Request
from mull.engine.model import Model, load
from mull.engine.native import library
from mull.engine.threads import default_threads
from mull.settings import DRAFT_OFF, EngineSettings, Sampling
from tests.bench import batching, peers
from tests.bench.measure import alternate, command, line, quartiles
from tests.model_files.random_model import QWEN3_0_6B, cached

GREEDY = Sampling(temperature=0.0)
GENERATED = 64
QUESTION = "Why is the sea salt?"  # the random model's vocabulary makes a token of each letter


def side_by_side(model: Model, settings: EngineSettings, *, pairs: int) -> None:
    """Tokens per second, mull's and llama-bench's, in alternation."""
    for depth in (0, 2048):
        ours, theirs = [], []
        for _ in range(pairs):
            ours.append(generation(model, settings, depth))
            theirs.append(llama_bench(model.path, "-p", "0", "-n", str(GENERATED), "-d", str(depth)))
        compared(f"generation at depth {depth}, mull / llama-bench", ours, theirs)
    for length in (512, 4096):
        ours, theirs = [], []
        for _ in range(pairs):
            ours.append(prompt(model, settings, length))
            theirs.append(llama_bench(model.path, "-p", str(length), "-n", "0"))
        compared(f"prompt of {length}, mull / llama-bench", ours, theirs)


def compared(name: str, ours: list[float], theirs: list[float]) -> None:
    ratio = quartiles([a / b for a, b in zip(ours, theirs, strict=True)])
    line(name, str(ratio), ">= 0.97")
    line("  tokens per second", f"{statistics.median(ours):.1f} and {statistics.median(theirs):.1f}", "-")


def generation(model: Model, settings: EngineSettings, depth: int) -> float:
    """Tokens per second after a prompt of `depth` tokens; the first token counts as llama-bench counts it."""
    tokens = list(range(1000, 1000 + max(depth, 1)))
    with Engine(model, settings) as engine:
        answer = engine.generate(
            Request(tokens, GREEDY, max_tokens=GENERATED + 1, ignored_eog=all_tokens(model))
        )
        pieces = (item for item in answer if isinstance(item, Piece))
        next(pieces)
        begun = time.perf_counter()
        count = sum(1 for _ in pieces)
        return count / (time.perf_counter() - begun)


def all_tokens(model: Model) -> range:
    """Every token: none ends the text, because the model is random."""
    return range(model.n_vocab)


def prompt(model: Model, settings: EngineSettings, length: int) -> float:
    """Tokens per second of prompt processing, to the first generated token."""
    with Engine(model, settings) as engine:
        for _ in engine.generate(Request([5], GREEDY, max_tokens=1)):
            pass  # warm, as llama-bench is
        engine.reserve(length + 256)  # llama-bench does not count the creation of its context either
        begun = time.perf_counter()
        answer = engine.generate(Request(list(range(1000, 1000 + length)), GREEDY, max_tokens=1))
        next(item for item in answer if isinstance(item, Piece))
        return length / (time.perf_counter() - begun)


def llama_bench(path: Path, *flags: str) -> float:
    """Tokens per second of one test. Raises CalledProcessError."""
    tool = str(peers.tool("llama-bench"))
    asked = [tool, "-m", str(path), "-t", str(default_threads()), "-r", "1", "-o", "json", *flags]
    done = subprocess.run(asked, capture_output=True, text=True, check=True)
    return float(json.loads(done.stdout)[-1]["avg_ts"])


def many_prompts(model: Model, settings: EngineSettings, *, pairs: int) -> None:
    """Generated tokens per second of all sequences, prompts included in the time: mull's scheduler at its own width
    with a shared system prompt, and llama-batched-bench with a shared prompt at the better of two widths."""
    loaded = batching.speaker_of(model, settings, WIDEST)
    ours, theirs = [], []
    with loaded.engine:
        for pair in range(pairs):
            numbers = range(batching.LINES * pair, batching.LINES * (pair + 1))
            ours.append(batching.answer(loaded, numbers, batching.TOKENS, time.perf_counter).rate)
            theirs.append(max(batched_bench(model.path, width) for width in (16, 32)))
    ratio = quartiles([a / b for a, b in zip(ours, theirs, strict=True)])
    line("64 prompts of 64 tokens, mull / llama-batched-bench", str(ratio), ">= 0.95")
    line("  tokens per second", f"{statistics.median(ours):.1f} and {statistics.median(theirs):.1f}", "-")


def batched_bench(path: Path, width: int) -> float:
    """Generated tokens per second at a width, the time of the shared prompt included. Raises CalledProcessError."""
    length, tokens = batching.SYSTEM, batching.TOKENS
    asked = [
        *(str(peers.tool("llama-batched-bench")), "-m", str(path), "-t", str(default_threads())),
        *("-c", str(length + width * (tokens + 64)), "-npp", str(length), "-ntg", str(tokens)),
        *("-npl", str(width), "-pps", "-kvu", "--output-format", "jsonl"),
    ]
    done = subprocess.run(asked, capture_output=True, text=True, check=True)
    result = json.loads(next(line for line in done.stdout.splitlines() if line.startswith("{")))
    return float(width * tokens / (result["t_pp"] + result["t_tg"]))


def one_question(path: Path, state: Path, *, pairs: int) -> None:
    """A question of 20 tokens, 16 tokens out, from the start of the process to its exit; the files are warm."""
    env = {f"MULL_{kind}_DIR": str(state) for kind in ("CONFIG", "STATE", "CACHE")}
    ours = command("-m", "mull", "ask", "-m", str(path), "--no-save", "--max-tokens", "16", QUESTION, **env)
    common = ("-m", str(path), "-p", QUESTION, "-n", "16", "-t", str(default_threads()))
    rivals = (
        ("llama-cli -st", tool("llama-cli", "-st", *common), ">= 4"),
        ("llama-cli -st -c 4096", tool("llama-cli", "-st", "-c", "4096", *common), ">= 1.3"),
        ("llama-completion -c 4096", tool("llama-completion", "-no-cnv", "-c", "4096", *common), ">= 1.05"),
    )
    ours()
    for name, theirs, target in rivals:
        theirs()
        a, b = alternate(ours, theirs, pairs)
        line(
            f"one question, {name} / mull, seconds",
            str(quartiles([y / x for x, y in zip(a, b, strict=True)])),
            target,
        )
        line("  seconds, mull and theirs", f"{statistics.median(a):.2f} and {statistics.median(b):.2f}", "-")


def tool(name: str, *flags: str) -> Callable[[], object]:
    """Run a built tool to its end, quietly."""
    found = str(peers.tool(name))

    def run() -> None:
        subprocess.run(
            [found, *flags], stdin=subprocess.DEVNULL, capture_output=True, check=True, env=dict(os.environ)
        )

    return run


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.against", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer samples")
    asked = parser.parse_args()
    if peers.tool("llama-bench") is None:
        print("llama.cpp's own tools are not built: make bench-peers")
        return
    path, settings = cached(QWEN3_0_6B), EngineSettings(draft=DRAFT_OFF)
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder)
        library.prepare(state)
        with load(path, settings, state_dir=state, trusted=True) as model:
            side_by_side(model, settings, pairs=3 if asked.quick else 7)
            many_prompts(model, settings, pairs=2 if asked.quick else 3)
        one_question(path, state, pairs=3 if asked.quick else 9)


if __name__ == "__main__":
    main()
