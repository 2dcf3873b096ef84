"""What `draft = "all"` gains and costs, against no drafts: a NextN layer, and prompt lookup of a hybrid model.

The weights are random, of a hybrid shape with 80 million parameters, and no layer adds anything: the next token depends
on the last one only, in the model and in its NextN layer, so that each drafted token is right. For the opposite, each
is made wrong. Prompt lookup is measured with the texts of `drafting`. One thread, CPU time.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

from mull.engine import engine as loop
from mull.engine.engine import Engine, Piece, Request
from mull.engine.model import load
from mull.engine.speculative import nextn
from mull.engine.speculative.nextn import NextnHead
from mull.engine.speculative.prompt_lookup import PromptLookup
from mull.settings import DRAFT_ALL, DRAFT_OFF, EngineSettings, Sampling
from tests.bench import drafting
from tests.bench.measure import alternate, line, quartiles
from tests.model_files.nextn import Shape, write_nextn

HYBRID = Shape(
    layers=12,
    interval=4,
    width=512,
    heads=8,
    kv_heads=4,
    head=64,
    feed_forward=1536,
    state=64,
    state_heads=8,
)
VOCABULARY = 32_000
TOKENS, PAIRS = 300, 6  # of an answer, and answers with and without drafts
Drafts = Callable[..., list[int]]


def wrong(draft: Drafts) -> Drafts:
    """The same drafts, computed as before, with other tokens in them."""
    return lambda *arguments: [(token + 1) % 1000 for token in draft(*arguments)]


def layer(path: Path, state: Path, *, seeded: bool) -> tuple[float, str]:
    """The speed with the NextN layer over that without drafts. `seeded`: drafts must not depend on times."""
    sampling = Sampling(temperature=0.0) if seeded else Sampling(temperature=1e-3)
    settings = EngineSettings(threads=1, draft=DRAFT_ALL)
    counts = {"tokens": 0, "drafted": 0, "accepted": 0}
    with (
        load(path, settings, state_dir=state, trusted=True) as model,
        Engine(model, EngineSettings(threads=1, draft=DRAFT_OFF)) as plain,
        Engine(model, settings) as drafted,
    ):
        runs = {plain: 0, drafted: 0}

        def answer(engine: Engine) -> None:
            runs[engine] += 1
            prompt = list(range(1000 + runs[engine], 1030 + runs[engine]))
            generation = engine.generate(Request(prompt, sampling, max_tokens=TOKENS))
            counts["tokens"] += sum(isinstance(event, Piece) for event in generation)
            counts["drafted"] += generation.drafted
            counts["accepted"] += generation.accepted

        without, with_ = alternate(lambda: answer(plain), lambda: answer(drafted), PAIRS, time.process_time)
    found = quartiles([a / b for a, b in zip(without, with_, strict=True)])
    return sum(without) / sum(with_), (
        f"(quartiles {found.low:.2f} to {found.high:.2f}), {counts['accepted']} of {counts['drafted']} accepted, "
        f"{counts['tokens'] // 2} tokens"
    )


def main() -> None:
    """Entry point."""
    clock = SimpleNamespace(perf_counter=time.process_time, monotonic=time.process_time)
    with (
        tempfile.TemporaryDirectory() as folder,
        patch.object(loop, "time", clock),
        patch.object(nextn, "time", clock),
    ):
        state = Path(folder)
        path = write_nextn(
            state / "hybrid.gguf", simple=True, n_vocab=VOCABULARY, shape=HYBRID, quantized=True
        )
        for name, draft in (("always right", NextnHead.draft), ("never right", wrong(NextnHead.draft))):
            for seeded in (False, True):
                with (
                    patch.object(NextnHead, "draft", draft),
                    patch.object(PromptLookup, "propose", lambda *_: []),
                ):
                    ratio, details = layer(path, state, seeded=seeded)
                line(f"NextN layer {name}{', greedy' * seeded}", f"{ratio:.3f} {details}", "none")
        for name, task in (("edit", drafting.edit), ("prose", drafting.prose)):
            details, ratio = drafting.compare(path, state, task(400), 1, DRAFT_ALL)
            line(f"prompt lookup of a hybrid model, {name}", f"{ratio:.3f} {details}", "none")


if __name__ == "__main__":
    main()
