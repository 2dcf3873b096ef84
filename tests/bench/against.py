"""The same work by mull's engine and by llama.cpp's own tools, which `make bench-peers` builds.

In: a model or its file. Out: tokens per second, or what runs a tool. llama-bench has its model loaded and warm, as mull
has here; llama-completion reports by its own clock. Raises CalledProcessError for a tool that fails.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from mull.engine.engine import Engine, Piece, Request
from mull.engine.model import Model
from mull.engine.threads import default_threads
from mull.settings import EngineSettings, Sampling
from tests.bench import peers

GREEDY = Sampling(temperature=0.0)
GENERATED = 64
QUESTION = "Why is the sea salt?"  # the random model's vocabulary makes a token of each letter
SYSTEM = "You are a helpful assistant."
"""For both sides of a question to SmolLM2. Without one, its chat template adds a sentence of its own, and llama.cpp's
tools replace the template by one that adds nothing: 40 tokens of prompt against 15."""


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


def llama_bench(path: Path, *flags: str, threads: int | None = None) -> float:
    """Tokens per second of one test. Raises CalledProcessError."""
    tool = str(peers.tool("llama-bench"))
    count = str(threads or default_threads())
    asked = [tool, "-m", str(path), "-t", count, "-r", "1", "-o", "json", *flags]
    done = subprocess.run(asked, capture_output=True, text=True, check=True)
    return float(json.loads(done.stdout)[-1]["avg_ts"])


def completion(path: Path) -> float:
    """Tokens per second of llama-completion as it comes, by its own clock. Raises CalledProcessError."""
    flags = ("-no-cnv", "-c", "4096", "--temp", "0", "-p", QUESTION, "--ignore-eos", "--perf")
    tool = [str(peers.tool("llama-completion")), "-m", str(path), "-n", str(GENERATED), *flags]
    done = subprocess.run(tool, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)
    found = next(text for text in done.stderr.splitlines() if " eval time" in text and "prompt" not in text)
    return float(found.split(",")[-1].split()[0])


def batched_bench(path: Path, width: int, shared: int, tokens: int) -> float:
    """Generated tokens per second at a width, the time of the prompt that all share included. Raises
    CalledProcessError."""
    asked = [
        *(str(peers.tool("llama-batched-bench")), "-m", str(path), "-t", str(default_threads())),
        *("-c", str(shared + width * (tokens + 64)), "-npp", str(shared), "-ntg", str(tokens)),
        *("-npl", str(width), "-pps", "-kvu", "--output-format", "jsonl"),
    ]
    done = subprocess.run(asked, capture_output=True, text=True, check=True)
    result = json.loads(next(line for line in done.stdout.splitlines() if line.startswith("{")))
    return float(width * tokens / (result["t_pp"] + result["t_tg"]))


def tool(name: str, *flags: str) -> Callable[[], object]:
    """Run a built tool to its end, quietly."""
    found = str(peers.tool(name))

    def run() -> None:
        subprocess.run(
            [found, *flags], stdin=subprocess.DEVNULL, capture_output=True, check=True, env=dict(os.environ)
        )

    return run
