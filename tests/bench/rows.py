"""The table of docs/performance.md: mull beside another program, both on the same model, one row at a time.

    python -m tests.bench.rows [ROW…] [--pairs N]

cli/docgen/performance.toml describes the rows. Each measures in alternation, records the paired ratios with the
machine, the date and the code in docs/performance.json, and takes about a minute at most. Other programs should be
idle: how many cores they used is recorded too.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import functools
import itertools
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import psutil

from docgen import performance
from docgen.performance import Measured, Row
from mull.backends.load_plan import WIDEST
from mull.engine.model import Model, load
from mull.engine.native import library
from mull.engine.threads import default_threads
from mull.settings import DRAFT_OFF, EngineSettings
from tests.bench import against, batching, llm_peer, peers, serving
from tests.bench.load import busy_elsewhere
from tests.bench.measure import alternating, command, line, seconds
from tests.bench.servers import server
from tests.model_files.random_model import QWEN3_0_6B, cached
from tests.real.weights import MISSING, smollm2

ROOT = Path(__file__).parents[2]
TOKENS = 16  # of a question's answer
DEEP = 1024
SHARED, LINES, EACH = 256, 32, 32  # a batch: tokens that all lines share, lines, tokens of each answer
PLAIN = EngineSettings(draft=DRAFT_OFF)
SENTENCE = "What is photosynthesis? Answer in one sentence."


class CannotMeasure(Exception):
    """Something that a row needs is not installed; the message says what, and how to get it."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """Both sides of a row, in pairs: rates, of which more is better, unless `unit` is "s"."""

    ours: list[float]
    theirs: list[float]
    unit: str = "tokens/s"

    @property
    def ratios(self) -> list[float]:
        """How many times as fast mull is."""
        pairs = zip(self.ours, self.theirs, strict=True)
        return [b / a if self.unit == "s" else a / b for a, b in pairs]


@dataclass
class Bench:
    """One model, loaded when a row first needs it. `pairs`: instead of the row's own number."""

    kind: str
    state: Path
    stack: ExitStack
    pairs: int | None = None

    @property
    def environment(self) -> dict[str, str]:
        """For a process of mull that is to find nothing of the user's."""
        return {f"MULL_{kind}_DIR": str(self.state) for kind in ("CONFIG", "STATE", "CACHE")}

    @cached_property
    def path(self) -> Path:
        if self.kind == "shape":
            return cached(QWEN3_0_6B)
        if (found := smollm2()) is None:
            raise CannotMeasure(MISSING)
        return found

    @cached_property
    def model(self) -> Model:
        return self.stack.enter_context(load(self.path, PLAIN, state_dir=self.state, trusted=True))

    def compare(
        self, ours: Callable[[], float], theirs: Callable[[], float], pairs: int, unit: str = "tokens/s"
    ) -> Pairs:
        return Pairs(*alternating(ours, theirs, self.pairs or pairs), unit)


def decode(bench: Bench) -> Pairs:
    flags = ("-p", "0", "-n", str(against.GENERATED))
    return bench.compare(
        lambda: against.generation(bench.model, PLAIN, 0), lambda: against.llama_bench(bench.path, *flags), 5
    )


def decode_deep(bench: Bench) -> Pairs:
    flags = ("-p", "0", "-n", str(against.GENERATED), "-d", str(DEEP))
    return bench.compare(
        lambda: against.generation(bench.model, PLAIN, DEEP),
        lambda: against.llama_bench(bench.path, *flags),
        3 if bench.kind == "smollm2" else 2,
    )


def completion(bench: Bench) -> Pairs:
    return bench.compare(
        lambda: against.generation(bench.model, PLAIN, 0), lambda: against.completion(bench.path), 5
    )


def prompt(bench: Bench) -> Pairs:
    return bench.compare(
        lambda: against.prompt(bench.model, PLAIN, 512),
        lambda: against.llama_bench(bench.path, "-p", "512", "-n", "0"),
        5 if bench.kind == "smollm2" else 3,
    )


def ask(bench: Bench, rival: str) -> Pairs:
    """Seconds of whole processes, from start to exit, for the same tokens of prompt; the files are warm."""
    count, question = str(TOKENS), against.QUESTION
    system: tuple[str, ...] = ()
    flags: tuple[str, ...] = ("-st",) if rival == "llama-cli" else ("-no-cnv",)
    if bench.kind == "smollm2":  # it has a chat template
        system, flags = ("--system", against.SYSTEM), ("-st", "-sys", against.SYSTEM)
    mull = ("-m", "mull", "ask", "-m", str(bench.path), "--no-save", "--max-tokens", count, *system, question)
    ours = command(*mull, **bench.environment)
    common = ("-m", str(bench.path), "-p", question, "-n", count, "-c", "4096", "-t", str(default_threads()))
    theirs = against.tool(rival, *flags, *common)
    ours()
    theirs()
    return bench.compare(lambda: seconds(ours), lambda: seconds(theirs), 5, "s")


def ask_llm(bench: Bench) -> Pairs:
    """Tokens per second of whole processes: `llm` has no limit of an answer's length, so each side's is counted."""
    program = llm_peer.program()
    if program is None:
        raise CannotMeasure("llm is not installed in its own environment: make bench-peers")
    mull = ("-m", "mull", "ask", "-m", str(bench.path), "--no-save", "--temperature", "0.2", SENTENCE)
    theirs = ((str(program), "-m", "SmolLM2", "--no-log", SENTENCE), {"LLM_USER_PATH": str(bench.state)})
    ours = ((sys.executable, *mull), bench.environment)

    def rate(asked: tuple[str, ...], environment: dict[str, str]) -> float:
        begun = time.perf_counter()
        done = subprocess.run(
            asked,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=True,
            env={**os.environ, **environment},
        )
        elapsed = time.perf_counter() - begun
        return len(bench.model.tokenize(done.stdout.decode().strip(), special=False)) / elapsed

    rate(*ours)
    rate(*theirs)
    return bench.compare(lambda: rate(*ours), lambda: rate(*theirs), 5)


def batch(bench: Bench) -> Pairs:
    """Generated tokens per second, prompts included: mull at the width that it chooses, the other with all lines."""
    system = ("s" if bench.kind == "shape" else " the") * SHARED  # a token each
    loaded = batching.speaker_of(bench.model, PLAIN, WIDEST)
    bench.stack.enter_context(loaded.engine)
    firsts = itertools.count(0, LINES)

    def ours() -> float:
        first = next(firsts)
        numbers = range(first, first + LINES)  # no line is asked twice
        return batching.answer(loaded, numbers, EACH, time.perf_counter, system, letters).rate

    theirs = functools.partial(against.batched_bench, bench.path, LINES, SHARED, EACH)
    return bench.compare(ours, theirs, 3 if bench.kind == "smollm2" else 2)


def letters(number: int) -> str:
    """Two letters, others for each number below 676: as little as a line can have of its own, which the other program
    does not compute."""
    return "".join(chr(ord("a") + one) for one in divmod(number % 676, 26))


def serve(bench: Bench, clients: int, requests: int, *, late: bool = False) -> Pairs:
    """Tokens per second of all clients, each asking again when it was answered; both sides of a pair get the same.

    `late`: instead of it the 95th percentile of the time to the first token.
    """
    longest = 100 if bench.kind == "smollm2" else 12  # words; the random model has a token for each letter
    path = str(bench.path)

    def measured(place: tuple[int, psutil.Process], seeds: Iterator[int]) -> float:
        found = asyncio.run(serving.load(*place, clients, requests, next(seeds), longest))
        return found.late if late else found.rate

    with (
        server(*serving.mull_serve(path, clients)) as mine,
        server(*serving.llama_server(path, clients)) as other,
    ):
        ours, theirs = (functools.partial(measured, place, itertools.count()) for place in (mine, other))
        return bench.compare(ours, theirs, 3, "s" if late else "tokens/s")


def serve_one(bench: Bench, depth: int) -> Pairs:
    """Tokens per second that one client gets in a conversation of `depth` tokens, after the first one."""
    path, context = str(bench.path), serving.LONG_CONTEXT
    with (
        server(*serving.mull_serve(path, 1)) as mine,
        server(*serving.llama_server(path, 1, context)) as other,
    ):
        ours, theirs = (
            functools.partial(serving.rate_alone, place, depth, itertools.count()) for place in (mine, other)
        )
        return bench.compare(ours, theirs, 5)


MEASURES: dict[str, Callable[[Bench], Pairs]] = {
    "decode": decode,
    "decode-deep": decode_deep,
    "completion": completion,
    "prompt": prompt,
    "ask-cli": lambda bench: ask(bench, "llama-cli"),
    "ask-completion": lambda bench: ask(bench, "llama-completion"),
    "ask-llm": ask_llm,
    "batch": batch,
    "serve": lambda bench: serve(bench, clients=4, requests=2 if bench.kind == "smollm2" else 1),
    "serve-many": lambda bench: serve(bench, clients=16, requests=2),
    "serve-many-first": lambda bench: serve(bench, clients=16, requests=2, late=True),
    "serve-one": lambda bench: serve_one(bench, 0),
    "serve-one-deep": lambda bench: serve_one(bench, 2048),
}
"""By what follows the model in a row's name."""


def measure(row: Row, pairs: int | None) -> Measured:
    """Measure a row and print it. Raises CannotMeasure."""
    if peers.tool("llama-server") is None:
        raise CannotMeasure("llama.cpp's own tools are not built: make bench-peers")
    busy = busy_elsewhere()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        library.prepare(Path(folder))
        bench = Bench(row.model, Path(folder), stack, pairs)
        found = MEASURES[row.name.removeprefix(f"{row.model}-")](bench)
        llama = library.version()
    ratios = found.ratios
    return Measured(
        what=row.what,
        against=row.against,
        target=f">= {row.least:g}",
        low=round(min(ratios), 3),
        median=round(statistics.median(ratios), 3),
        high=round(max(ratios), 3),
        pairs=len(ratios),
        ours=float(f"{statistics.median(found.ours):.4g}"),
        theirs=float(f"{statistics.median(found.theirs):.4g}"),
        unit=found.unit,
        cpu=cpu(),
        cores=os.cpu_count() or 1,
        threads=default_threads(),
        busy=round(busy, 2),
        system=platform.system(),
        llama=llama,
        date=str(dt.datetime.now(tz=dt.UTC).date()),
        commit=commit(),
        digest=performance.digest(row.sources),
    )


def cpu() -> str:
    """The processor's name."""
    info = Path("/proc/cpuinfo")
    found = re.search(r"^model name\s*:\s*(.*)$", info.read_text(), re.MULTILINE) if info.is_file() else None
    return found.group(1) if found else platform.processor() or platform.machine()


def commit() -> str:
    """The commit of this clone, with a "+" where its files were changed since; "" outside of a clone."""
    try:
        return git("rev-parse", "--short", "HEAD") + ("+" if git("status", "--porcelain", "cli/mull") else "")
    except (OSError, subprocess.CalledProcessError):
        return ""


def git(*asked: str) -> str:
    return subprocess.run(
        ["git", *asked], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()


def main() -> int:
    """Entry point; returns a process exit code."""
    known = performance.rows()
    parser = argparse.ArgumentParser(prog="python -m tests.bench.rows", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=", ".join(known))
    parser.add_argument("--pairs", type=int, metavar="N", help="in place of each row's own number")
    asked = parser.parse_args()
    if unknown := [name for name in asked.rows if name not in known]:
        parser.error(f"unknown: {', '.join(unknown)}; the rows are {', '.join(known)}")
    if asked.pairs is not None and asked.pairs < 1:
        parser.error("--pairs takes a number from 1 on")
    failed = 0
    for name in asked.rows or known:
        row = known[name]
        try:
            found = measure(row, asked.pairs)
        except CannotMeasure as why:
            failed = 1
            print(f"{name}: {why}", flush=True)
            continue
        performance.record(name, found)
        performance.PAGE.write_text(performance.page(), encoding="utf-8")
        spread = f"{found.median:.3f} ({found.low:.3f} to {found.high:.3f}, {found.pairs} pairs)"
        line(f"{name}: mull / {row.against}, times as fast", spread, found.target)
        line(f"  {found.unit}", f"{found.ours:g} and {found.theirs:g}", "-")
    return failed if asked.rows else 0


if __name__ == "__main__":
    sys.exit(main())
