"""What speculative decoding gains and costs: an edit that mostly copies, and prose that repeats nothing.

The weights are random and of a real shape, so that a step has a real cost; the text is prescribed: each token is
sampled as always, then replaced by the next one of a script. The scripts are real text, one word or punctuation mark
per token. Two engines on the same weights, with and without drafts, run in alternation, slice by slice.
"""

from __future__ import annotations

import argparse
import re
import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from types import SimpleNamespace

from mull.engine import engine as loop
from mull.engine.context import Context
from mull.engine.engine import Engine, Generation, Piece, Request
from mull.engine.model import load
from mull.engine.sampling.chain import Chain
from mull.settings import EngineSettings, Sampling
from tests.bench.measure import alternate, quartiles
from tests.model_files.random_model import QWEN3_0_6B, cached

ROOT = Path(__file__).parents[2]
SLICE = 40  # tokens


class Prescribed(Chain):
    """A chain that samples, and then returns the next token of a script."""

    def __init__(self, chain: Chain, script: Sequence[int]) -> None:
        self._chain = chain
        self._script: Iterator[int] = iter(script)
        self.handle = chain.handle

    def sample(self, context: Context, row: int) -> int:
        self._chain.sample(context, row)
        return next(self._script)

    @property
    def complete(self) -> bool:
        return True

    def free(self) -> None:
        self._chain.free()
        self.handle = None


class Words:
    """A tokenizer: each new word or punctuation mark gets the next ordinary token."""

    def __init__(self) -> None:
        self._ids: dict[str, int] = {}

    def tokens(self, text: str) -> list[int]:
        return [
            1000 + self._ids.setdefault(word, len(self._ids))
            for word in re.findall(r"\s*\w+|\s*[^\w\s]", text)
        ]


def edit(length: int) -> tuple[list[int], list[int]]:
    """A source file with a request to change it, and the changed file: a name replaced, a comment added, a line
    gone."""
    source = (ROOT / "tests" / "bench" / "measure.py").read_text(encoding="utf-8")
    changed = (
        source.replace("clock", "timer")
        .replace("pairs", "rounds")
        .replace("    a, b = [], []\n", "    # in turn\n    a, b = [], []\n")
    )
    words = Words()
    prompt = words.tokens("Rename clock and pairs, say what alternate does. Here is the file:\n" + source)
    return prompt, words.tokens("```python\n" + changed)[:length]


def prose(length: int) -> tuple[list[int], list[int]]:
    """A page to read, and other pages as the answer: what repeats is what language repeats."""
    words = Words()
    pages = [(ROOT / name).read_text(encoding="utf-8") for name in ("docs/chat.md", "docs/pulling.md")]
    plain = [re.sub(r"[`|*#-]+", " ", page) for page in pages]
    return words.tokens("Tell me about this.\n" + plain[0])[:600], words.tokens(plain[1])[:length]


def compare(
    path: Path, state: Path, task: tuple[list[int], list[int]], threads: int, draft: str | None = None
) -> tuple[str, float]:
    """Seconds without drafts over seconds with, of the whole answer; by CPU time on one thread, else by the clock."""
    prompt, script = task
    clock = time.process_time if threads == 1 else time.perf_counter
    loop.time = SimpleNamespace(perf_counter=clock)  # type: ignore[assignment] # step costs are measured by the same clock
    with (
        load(path, EngineSettings(), state_dir=state, trusted=True) as model,
        Engine(model, EngineSettings(threads=threads, draft="off")) as plain,
        Engine(model, EngineSettings(threads=threads, draft=draft)) as drafting,
    ):
        runs = []
        for engine in (plain, drafting):
            generation = engine.generate(Request(prompt, Sampling(temperature=0.0), max_tokens=len(script)))
            generation._chain = Prescribed(generation._chain, script)
            next(event for event in generation if isinstance(event, Piece))
            runs.append(generation)
        without, with_ = alternate(
            lambda: _next_slice(runs[0]), lambda: _next_slice(runs[1]), (len(script) - 1) // SLICE, clock
        )
        drafts = f"{runs[1].accepted} of {runs[1].drafted} drafted tokens accepted"
        costs = drafting._drafting.costs
        known = " ".join(f"{rows}:{costs.seconds(rows) / costs.seconds(1):.1f}" for rows in (2, 4, 8, 16, 32))
        for generation in runs:
            generation.close()
    slices = quartiles([a / b for a, b in zip(without, with_, strict=True)])
    return f"{drafts}; slices {slices}; rows as singles {known}", sum(without) / sum(with_)


def _next_slice(generation: Generation) -> int:
    return sum(1 for _ in islice(generation, SLICE))


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.drafting", description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--tokens", type=int, default=600)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name, task, target in (("edit", edit, 1.5), ("prose", prose, 0.98)):
            details, ratio = compare(cached(QWEN3_0_6B), Path(folder), task(asked.tokens), asked.threads)
            print(f"{name}: {ratio:.3f} times as fast with drafts (target {target}); {details}", flush=True)


if __name__ == "__main__":
    main()
