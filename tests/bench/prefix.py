"""What the prompt cache on disk gains: whole processes, with and without it, in alternation.

    python -m tests.bench.prefix [--quick] [--threads N] [--only second|loop]

Two figures on the 0.5B-shape model: the time from the start of a process to the first token of its answer, for another
question about a file of 4,000 tokens that was asked about before, as a whole and for the prompt alone; and a loop of
twenty calls about a file of 2,000 tokens, the first of which is a cache miss. CPU time, which other programs on the
machine hardly disturb, and peak memory are printed too. The user's own files are neither read nor written.
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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.measure import line, quartiles
from tests.model_files.random_model import QWEN3_0_6B, cached

CALLS = 20
QUESTION = "Why {}?"  # seven tokens of these models, as a question of a real one would be


@dataclass(frozen=True)
class Asked:
    """Seconds from the start of the process to its output (of one token), and to its end; seconds from the loaded
    model to the first token; CPU seconds of the process; the largest resident size in bytes; tokens not processed."""

    first: float
    end: float
    prompt: float
    cpu: float
    memory: int
    cached: int


def ask(environment: Mapping[str, str], text: bytes, number: int, *flags: str) -> Asked:
    """One process from its start to its end, for an answer of one token. Raises CalledProcessError."""
    command = [sys.executable, "-m", "mull", "--json", "--max-tokens", "1", "--temperature", "0", *flags]
    command.append(QUESTION.format(number))
    begun = time.perf_counter()
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(text)
    process.stdin.close()
    said = process.stdout.read()
    first = time.perf_counter() - begun
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    result = json.loads(said)
    timing, scale = result["timing"], 1 if sys.platform == "darwin" else 1024
    return Asked(
        first=first,
        end=time.perf_counter() - begun,
        prompt=timing["first_token"] - timing["load"],
        cpu=usage.ru_utime + usage.ru_stime,
        memory=usage.ru_maxrss * scale,
        cached=result["usage"]["cached"],
    )


def file_of(tokens: int) -> bytes:
    """Text that the random models' tokenizer makes so many tokens of: one per byte."""
    return (b"All work and no play makes Jack a dull boy; " * (tokens // 44 + 1))[:tokens]


def second_question(environment: Mapping[str, str], flags: Sequence[str], *, pairs: int) -> None:
    """The first token of the answer to another question about the same file. The first question was a cache miss."""
    text = file_of(4000)
    filled = ask(environment, text, 0, *flags)
    without, using = [filled], [ask(environment, text, number, *flags) for number in range(3)]
    for number in range(pairs):
        without.append(ask(environment, text, number, "--no-cache", *flags))
        using += [ask(environment, text, number, *flags) for _ in range(3)]
    line(
        "second question about 4,000 tokens; tokens not processed", str(min(run.cached for run in using)), "-"
    )
    parts: tuple[tuple[str, Callable[[Asked], float]], ...] = (
        ("from the process's start to its first token", lambda run: run.first),
        ("from the loaded model to the first token", lambda run: run.prompt),
        ("CPU time of the whole process", lambda run: run.cpu),
    )
    for name, seconds in parts:
        plain, reused = (statistics.median(map(seconds, runs)) for runs in (without, using))
        line(f"  {name}, without", f"{plain:.2f} s", "-")
        line("    with", f"{reused:.2f} s", "-")
        ratio = quartiles([seconds(a) / seconds(b) for a in without for b in using])
        line("    times as fast", str(ratio), ">= 50" if name.startswith("from") else "-")
    line("  writing, after the first question's answer", f"{filled.end - filled.first:.2f} s", "-")
    peaks = [max(run.memory for run in runs) / 1e6 for runs in (without, using, [filled])]
    line("  peak memory, MB: without, with, first question", ", ".join(f"{peak:.0f}" for peak in peaks), "-")


def loop(environment: Mapping[str, str], flags: Sequence[str], *, plain_calls: int) -> None:
    """Twenty calls in a row; those without the cache are so alike that a few are extrapolated to all."""
    text = file_of(2000)
    using = [ask(environment, text, number, *flags) for number in range(CALLS)]
    without = [using[0], *(ask(environment, text, n, "--no-cache", *flags) for n in range(plain_calls))]
    parts: tuple[tuple[str, Callable[[Asked], float]], ...] = (
        ("", lambda run: run.end),
        (", CPU time", lambda run: run.cpu),
    )
    for name, seconds in parts:
        plain = statistics.median(map(seconds, without)) * CALLS
        reused = [seconds(run) for run in using]
        line(f"{CALLS} calls about 2,000 tokens{name}, without (from {len(without)})", f"{plain:.1f} s", "-")
        each = f"first {reused[0]:.1f} s, then {statistics.median(reused[1:]):.2f} s each"
        line("  with, the first one a cache miss", f"{sum(reused):.1f} s ({each})", "-")
        line("  times as fast", f"{plain / sum(reused):.1f}", "-" if name else ">= 10")


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.prefix", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer samples")
    parser.add_argument("--only", choices=("second", "loop"))
    parser.add_argument("--threads", help="of llama.cpp; unset: as mull chooses")
    asked = parser.parse_args()
    flags = ["-m", str(cached(QWEN3_0_6B)), *(("--threads", asked.threads) if asked.threads else ())]
    for figure in ("second", "loop"):
        if asked.only not in {None, figure}:
            continue
        with tempfile.TemporaryDirectory() as folder:
            own = {f"MULL_{kind}_DIR": str(Path(folder) / kind) for kind in ("CONFIG", "STATE", "CACHE")}
            environment = {**os.environ, **own}
            ask(environment, b"", 0, *flags)  # the library's self-check, warm files
            if figure == "loop":
                loop(environment, flags, plain_calls=0 if asked.quick else 3)
            else:
                second_question(environment, flags, pairs=0 if asked.quick else 3)


if __name__ == "__main__":
    main()
