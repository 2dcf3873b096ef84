"""What keeping processed prompts on disk is worth: whole processes, with and without it, in turn.

    python -m tests.bench.prefix [--quick] [--threads N]

Two figures on the 0.5B-shape model: the time from the start of a process to the first byte of its answer, for another
question about a file of 4,000 tokens that was asked about before; and a loop of twenty calls about a file of 2,000
tokens, the first of which finds nothing kept. Peak memory stands beside both. Nothing of the user's own is read.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.bench.measure import quartiles
from tests.models.random_model import QWEN3_0_6B, cached

CALLS = 20


@dataclass(frozen=True)
class Asked:
    """Seconds from the start of the process to the answer's first byte, its last one, and the end of the process;
    the largest resident size in bytes."""

    first: float
    last: float
    end: float
    memory: int


def ask(environment: Mapping[str, str], text: bytes, question: str, *flags: str) -> Asked:
    """One process from its start to its end. Raises CalledProcessError."""
    command = [sys.executable, "-m", "mull", "--no-reason", "--temperature", "0", *flags, question]
    begun = time.perf_counter()
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(text)
    process.stdin.close()
    process.stdout.read(1)
    first = time.perf_counter() - begun
    process.stdout.read()
    last = time.perf_counter() - begun
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    scale = 1 if sys.platform == "darwin" else 1024
    return Asked(first, last, time.perf_counter() - begun, usage.ru_maxrss * scale)


def file_of(tokens: int) -> bytes:
    """Text that the random models' tokenizer makes so many tokens of: one per byte."""
    return (b"All work and no play makes Jack a dull boy; " * (tokens // 44 + 1))[:tokens]


def second_question(environment: Mapping[str, str], flags: tuple[str, ...], *, pairs: int) -> None:
    """The first byte of the answer to another question about the same file."""
    text = file_of(4000)
    flags = (*flags, "--max-tokens", "1")
    filled = ask(environment, text, "What is it about?", *flags)
    without, using = [], []
    for number in range(pairs):
        question = f"Who is it number {number} about?"
        without.append(ask(environment, text, question, "--no-cache", *flags))
        using += [ask(environment, text, question, *flags) for _ in range(3)]
    plain, kept = (statistics.median(run.first for run in runs) for runs in (without, using))
    report("first byte, second question about 4,000 tokens, without", f"{plain:.2f} s", "-")
    report("  with what the first question left", f"{kept:.2f} s", "-")
    ratio = [a.first / b.first for a in without for b in using]
    report("  times as fast", str(quartiles(ratio)) if len(ratio) > 1 else f"{ratio[0]:.1f}", ">= 50")
    report("  writing it, after the answer", f"{filled.end - filled.last:.2f} s", "-")
    peak = [max(run.memory for run in runs) / 1e6 for runs in (without, using, [filled])]
    report("  peak memory, MB: without, with, first question", ", ".join(f"{size:.0f}" for size in peak), "-")


def loop(environment: Mapping[str, str], flags: tuple[str, ...], *, plain_calls: int) -> None:
    """Twenty calls in a row; those without are so alike that a few of them stand for all."""
    text = file_of(2000)
    flags = (*flags, "--max-tokens", "1")
    begun = time.perf_counter()
    for number in range(CALLS):
        ask(environment, text, f"What is number {number}?", *flags)
    using = time.perf_counter() - begun
    without = [ask(environment, text, "What is it?", "--no-cache", *flags).end for _ in range(plain_calls)]
    total = statistics.median(without) * CALLS
    report(f"{CALLS} calls about 2,000 tokens, without (from {plain_calls})", f"{total:.1f} s", "-")
    report("  with, the first one finding nothing", f"{using:.1f} s", "-")
    report("  times as fast", f"{total / using:.1f}", ">= 10")


def report(name: str, value: str, target: str) -> None:
    print(f"{name:<58} {value:<46} target {target}", flush=True)


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.prefix", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer samples")
    parser.add_argument("--threads", help="of llama.cpp; unset: as mull chooses")
    asked = parser.parse_args()
    flags = ("-m", str(cached(QWEN3_0_6B)), *(("--threads", asked.threads) if asked.threads else ()))
    for figure in (second_question, loop):
        with tempfile.TemporaryDirectory() as folder:
            own = {f"MULL_{kind}_DIR": str(Path(folder) / kind) for kind in ("CONFIG", "STATE", "CACHE")}
            environment = {**os.environ, **own}
            ask(
                environment, b"", "Hello?", "--max-tokens", "1", *flags
            )  # the library's self-check, warm files
            if figure is loop:
                loop(environment, flags, plain_calls=1 if asked.quick else 3)
            else:
                second_question(environment, flags, pairs=1 if asked.quick else 3)


if __name__ == "__main__":
    main()
