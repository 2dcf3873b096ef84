"""The loop guard, measured: legitimate texts that it stops, loops of a real model that it stops, and its cost.

`python -m tests.bench.looping MODEL.gguf` tokenizes `--texts` (2,000) texts of `tests/turn/legitimate_texts.py` with
the vocabulary. Then the model answers `--answers` (50) prompts that invite loops, and each loop is measured from
its first copy to the guard's stop. A small general model is the right one: SmolLM2-135M-Instruct (docs/pulling.md).
It takes about 20 minutes on one core.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from mull.backends.loading import load
from mull.engine.model import Model
from mull.engine.request import Piece, Request
from mull.messages import Message
from mull.settings import DEFAULT_SAMPLING, EngineSettings, ReasoningAsk, TurnSettings
from mull.turn.loaded_model import LoadedModel
from mull.turn.loop_guard import PERIOD, LoopGuard
from mull.turn.prepare import prepare
from tests.turn.legitimate_texts import texts

LONGEST = 1500  # tokens of an answer
PROMPTS = (
    "Write a very long story about a dog.",
    "Explain how a computer works, in great detail.",
    "Write a poem about the sea.",
    "Tell me about the history of bread.",
    "Give me a recipe for soup with many ingredients.",
    "Write a long letter to my landlord about the heating.",
    "Describe every season of the year in a long essay.",
    "Write the lyrics of a song about rain.",
    "What are the rules of chess? Be complete.",
    "Write a dialogue between a teacher and a pupil.",
    "Explain quantum mechanics like I am five.",
    "Write a summary of a long novel.",
    "Make a table of countries and capitals.",
)


def legitimate(model: Model, count: int, seed: int) -> None:
    """Print how many of so many legitimate texts are stopped, and microseconds per token."""
    stopped, tokens, seconds = [], 0, 0.0
    for one in texts(count, seed):
        found = model.tokenize(one.text, special=False)
        guard = LoopGuard(model.piece, one.question)
        began = time.process_time()
        if any(map(guard.feed, found)):
            stopped.append(one.kind)
        seconds += time.process_time() - began
        tokens += len(found)
    kinds = f" ({', '.join(sorted(set(stopped)))})" if stopped else ""
    print(f"legitimate texts stopped: {len(stopped)} of {count}{kinds}, {tokens:,} tokens")
    print(f"cost: {seconds / tokens * 1e6:.2f} µs per token of processor time")


def looping(loaded: LoadedModel, count: int) -> None:
    """Print how so many answers ended, and how long after a loop began it was stopped. Greedy, then warmer."""
    delays = []
    for number in range(count):
        prompt = PROMPTS[number % len(PROMPTS)]
        warmth = number // len(PROMPTS) * 0.1
        tokens, stopped = _answer(loaded, prompt, warmth, seed=number)
        delay = len(tokens) - _beginning(tokens) if stopped else None
        delays += [delay] if delay is not None else []
        print(
            f"{prompt:<55} {len(tokens):>5} tokens  {f'loop of {delay} tokens' if delay else 'no loop'}",
            flush=True,
        )
    if delays:
        soon = sum(delay <= 300 for delay in delays)
        middle, most = statistics.median(delays), max(delays)
        print(f"loops stopped: {len(delays)}, within 300 tokens {soon}; median {middle:.0f}, longest {most}")


def _answer(loaded: LoadedModel, question: str, temperature: float, *, seed: int) -> tuple[list[int], bool]:
    """The tokens up to the guard's stop or the end, and whether the guard stopped it."""
    sampling = replace(DEFAULT_SAMPLING, temperature=temperature, seed=seed)
    prompt = prepare(loaded, [Message("user", question)], TurnSettings(ReasoningAsk(), sampling))
    guard = LoopGuard(loaded.engine.model.piece, question)
    tokens = []
    with loaded.engine.generate(Request(prompt.tokens, sampling, LONGEST)) as generation:
        for token in _tokens(generation):
            tokens.append(token)
            if guard.feed(token):
                return tokens, True
    return tokens, False


def _tokens(generation: Iterator[object]) -> Iterator[int]:
    return (item.token for item in generation if isinstance(item, Piece) and not item.is_eog)


def _beginning(tokens: Sequence[int]) -> int:
    """Where the loop at the end begins: its first copy. The period is the one that reaches back furthest."""

    def first(period: int) -> int:
        at = len(tokens)
        while at > period and tokens[at - 1] == tokens[at - 1 - period]:
            at -= 1
        return at - period

    return min(map(first, range(1, min(PERIOD, len(tokens) // 2) + 1)), default=0)


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("model", type=Path)
    arguments.add_argument("--texts", type=int, default=2000)
    arguments.add_argument("--answers", type=int, default=50)
    arguments.add_argument("--seed", type=int, default=0)
    wanted = arguments.parse_args()
    loaded = load(wanted.model.stem, wanted.model, EngineSettings(), trusted=False)
    with loaded.engine.model as model, loaded.engine:
        legitimate(model, wanted.texts, wanted.seed)
        looping(loaded, wanted.answers)


if __name__ == "__main__":
    main()
