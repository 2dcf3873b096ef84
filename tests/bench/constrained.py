"""What a schema costs: the same model and sampler, with and without one, in turn and equally deep; and the time to the
first byte of whole processes, with and without one.

    python -m tests.bench.constrained [--quick]

The model has random weights, the shape of Qwen3-0.6B and 151,936 tokens; the schema has twenty fields. Texts of at most
12 characters (three tokens of four are frame, where few tokens are allowed) and unbounded ones, where most are. One
thread, in CPU time, which other programs on the machine hardly disturb. Without speculative decoding: random weights
repeat themselves by chance, more often in one of the two texts than in the other, so that the ratio would be that of
accepted drafts (51 steps and 66 for 96 tokens, 0.84).
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
from pathlib import Path
from typing import Any

from mull.engine.engine import Engine, Piece, Request
from mull.engine.model import load
from mull.engine.request import GrammarSpec
from mull.engine.sampling.token_trie import token_trie
from mull.settings import DRAFT_OFF, EngineSettings, Sampling
from mull.structured.reading import from_schema
from tests.bench.measure import alternate, line, quartiles
from tests.model_files.random_model import QWEN3_0_6B, cached
from tests.real.weights import smollm2

PROMPT = list(range(1000, 1032))
SAMPLINGS = {"greedy": Sampling(temperature=0.0), "default": Sampling(seed=1)}


def schema(longest: int | None) -> dict[str, Any]:
    """Twenty fields of all kinds; texts of at most `longest` characters."""
    text = {"type": "string"} if longest is None else {"type": "string", "maxLength": longest}
    kinds: list[dict[str, Any]] = [
        text,
        {"type": "integer", "minimum": 0, "maximum": 120},
        {"type": "boolean"},
        {"enum": ["low", "medium", "high"]},
        {"type": "array", "items": text, "minItems": 1, "maxItems": 2},
    ]
    fields = {f"field_{number}": kinds[number % len(kinds)] for number in range(20)}
    return {"type": "object", "properties": fields, "required": list(fields)}


def first_byte(path: Path, state: str, *flags: str) -> None:
    """Ask in a process of its own and wait for the first byte of the answer, without the schema in the prompt."""
    asked = ["-q", "--no-save", "--no-schema-prompt", "--max-tokens", "4", *flags, "Tell me of a person."]
    with subprocess.Popen(
        [sys.executable, "-m", "mull", "-m", str(path), *asked],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "MULL_STATE_DIR": state, "MULL_CACHE_DIR": state, "MULL_CONFIG_DIR": state},
    ) as process:
        assert process.stdout is not None
        process.stdout.read(1)
        process.terminate()


def starts(path: Path, runs: int) -> None:
    """Seconds to the first byte, with a schema less without one."""
    asked = json.dumps(schema(12))
    with tempfile.TemporaryDirectory() as state:

        def free() -> None:
            first_byte(path, state)

        def bound() -> None:
            first_byte(path, state, "--schema", asked)

        free(), bound()  # the file is checked, its vocabulary stored
        without, with_schema = alternate(free, bound, runs)
    more = quartiles([b - a for a, b in zip(without, with_schema, strict=True)])
    name = f"first byte with a schema, {path.stem[:24]}: seconds more"
    line(name, f"{more}; without {statistics.median(without):.2f} s", "<= 0.1")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer samples")
    runs, tokens = (3, 48) if parser.parse_args().quick else (7, 96)
    for file in filter(None, (smollm2(), cached(QWEN3_0_6B))):
        starts(file, runs)
    settings = EngineSettings(threads=1, draft=DRAFT_OFF)
    path = cached(QWEN3_0_6B)
    with (
        tempfile.TemporaryDirectory() as state,
        load(path, settings, state_dir=Path(state), trusted=True) as model,
        Engine(model, settings) as engine,
    ):
        began = time.process_time()
        assert token_trie(model).vocab_size > model.n_vocab
        print(f"the token trie, once per process: {time.process_time() - began:.2f} s of CPU time")
        for longest in (12, None):
            grammar = from_schema(schema(longest)).grammar
            for name, sampling in SAMPLINGS.items():
                free, bound = alternate(
                    lambda: _generate(engine, sampling, None, tokens),  # noqa: B023 - called at once
                    lambda: _generate(engine, sampling, GrammarSpec(grammar), tokens),  # noqa: B023
                    runs,
                    time.process_time,
                )
                ratio = quartiles([a / b for a, b in zip(free, bound, strict=True)])
                texts = "any length" if longest is None else f"at most {longest} characters"
                print(
                    f"bound / free speed, {name}, texts of {texts}: {ratio} (target >= 0.97); "
                    f"free {tokens / statistics.median(free):.1f} tokens per CPU second",
                    flush=True,
                )


def _generate(engine: Engine, sampling: Sampling, spec: GrammarSpec | None, tokens: int) -> None:
    """Generate so many tokens after the prompt, which is in the KV cache; a finished object is followed by another
    one."""
    said: list[int] = []
    while len(said) < tokens:
        generation = engine.generate(Request([*PROMPT, *said], sampling, max_tokens=tokens - len(said)))
        generation.constrain(spec)
        said += [event.token for event in generation if isinstance(event, Piece)]


if __name__ == "__main__":
    main()
