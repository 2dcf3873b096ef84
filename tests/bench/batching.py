"""Many prompts at once against the same one by one: 64 prompts of 64 tokens that share a system prompt of 256.

`python -m tests.bench.batching` alternates between `mull batch`'s scheduler at its width and a part of the same lines
one after the other, with one model, in one process; the latter keeps the shared prefix in its KV cache too. It prints
tokens per second, their ratio, and what the main thread spends beside the library: Python, sampling and waiting.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import ExitStack
from io import BytesIO
from pathlib import Path

from mull.backends.base import KeyedEvent, TurnSource
from mull.backends.load_plan import WIDEST
from mull.batch.lines import Line, read_lines
from mull.batch.reader import LineReader
from mull.batch.scheduler import AHEAD, Asked, Scheduler
from mull.chat_template.template import Template
from mull.control import TurnControl
from mull.engine.engine import Engine
from mull.engine.model import Model, load
from mull.engine.threads import default_threads
from mull.events import Done
from mull.messages import Message
from mull.reasoning.profiler import profile
from mull.settings import EngineSettings, Sampling, TurnSettings
from mull.turn.loaded_model import LoadedModel
from mull.turn.parallel import run_many
from tests.bench.measure import quartiles
from tests.model_files.random_model import QWEN3_0_6B, cached

LINES = 64
TOKENS = 64
SYSTEM = 256  # tokens: the random model's vocabulary has one for each character
# A line's own part takes a dozen tokens, as a short question in a real model's template does: this vocabulary would
# spell out markers letter by letter.
TEMPLATE = "{% for message in messages %}{{ message.content }}\n{% endfor %}>"
GREEDY = Sampling(temperature=0.0)


@dataclasses.dataclass(frozen=True, slots=True)
class Measured:
    """Generated tokens, seconds by the chosen clock, and the main thread's CPU seconds."""

    tokens: int
    seconds: float
    beside: float

    @property
    def rate(self) -> float:
        return self.tokens / self.seconds


def speaker_of(model: Model, settings: EngineSettings, n_parallel: int) -> LoadedModel:
    """The random model, made to chat."""
    ability = profile(
        TEMPLATE, special=model.special_tokens, architecture=model.architecture, name=model.name
    )
    engine = Engine(model, settings, n_parallel=n_parallel)
    return LoadedModel(model.name, engine, Template(TEMPLATE, bos="", eos=""), ability)


@dataclasses.dataclass(frozen=True, slots=True)
class Decoder:
    """As much of a `ChatBackend` as the scheduler uses, over a model that was loaded here."""

    loaded: LoadedModel

    @property
    def name(self) -> str:
        return self.loaded.name

    def stream_many(
        self, turns: TurnSource, control: TurnControl
    ) -> Generator[KeyedEvent | None, None, None]:
        return run_many(self.loaded, turns, control)


def answer(
    loaded: LoadedModel,
    numbers: Iterable[int],
    tokens: int,
    clock: Callable[[], float],
    system: str = "s" * SYSTEM,
    prompt: Callable[[int], str] = "topic {:04}".format,
) -> Measured:
    """Different lines through the scheduler, from the first prompt token to the last generated one.

    `prompt`: of a line by its number.
    """

    def settle(line: Line) -> Asked:
        messages = [Message("system", system), *line.messages]
        return messages, TurnSettings(sampling=GREEDY, max_tokens=line.settings["max_tokens"])

    lines = "\n".join(json.dumps({"prompt": prompt(number), "max_tokens": tokens}) for number in numbers)
    scheduler = Scheduler(
        LineReader(read_lines(BytesIO(lines.encode()))), Decoder(loaded), settle, TurnControl(), ahead=AHEAD
    )
    began, beside = clock(), time.thread_time()
    answered = [found.result for found in scheduler.run() if found is not None]
    measured = Measured(scheduler.tokens, clock() - began, time.thread_time() - beside)
    assert all(isinstance(result, Done) and result.error is None for result in answered)
    return measured


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.batching", description=__doc__)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--parallel", type=int, default=WIDEST)
    parser.add_argument("--threads", type=int, default=default_threads())
    parser.add_argument("--lines", type=int, default=LINES)
    parser.add_argument("--tokens", type=int, default=TOKENS)
    parser.add_argument("--alone", type=int, default=8, help="lines that are asked one by one in each pair")
    parser.add_argument("--cpu", action="store_true", help="CPU seconds instead of the clock on the wall")
    asked = parser.parse_args()
    clock = time.process_time if asked.cpu else time.perf_counter
    settings = EngineSettings(threads=asked.threads)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        model = stack.enter_context(load(cached(QWEN3_0_6B), settings, state_dir=Path(folder), trusted=True))
        many, one = (speaker_of(model, settings, width) for width in (asked.parallel, 1))
        stack.enter_context(many.engine)
        stack.enter_context(one.engine)
        together, alone = [], []
        for pair in range(asked.pairs):
            numbers = range(asked.lines * pair, asked.lines * (pair + 1))
            alone.append(answer(one, numbers[: asked.alone], asked.tokens, clock))
            together.append(answer(many, numbers, asked.tokens, clock))
            print(f"pair {pair + 1}: {together[-1].rate:.1f} and {alone[-1].rate:.1f} tokens/s", flush=True)
    report(together, alone, asked)


def report(together: list[Measured], alone: list[Measured], asked: argparse.Namespace) -> None:
    clock = "CPU second" if asked.cpu else "second"
    print(f"\n{asked.lines} lines of {asked.tokens} tokens, {SYSTEM} shared; {asked.threads} threads")
    for name, sample in ((f"{asked.parallel} in parallel", together), ("one by one", alone)):
        rate = statistics.median(measured.rate for measured in sample)
        beside = statistics.median(1000 * measured.beside / measured.tokens for measured in sample)
        print(f"{name:<20} {rate:7.1f} tokens per {clock}, {beside:.2f} ms of the main thread per token")
    ratios = [a.rate / b.rate for a, b in zip(together, alone, strict=True)]
    print(f"{'ratio':<20} {quartiles(ratios) if len(ratios) > 1 else f'{ratios[0]:.2f}'}   target >= 4")


if __name__ == "__main__":
    main()
