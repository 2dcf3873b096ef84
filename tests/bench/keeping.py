"""What keep-alive gains: whole processes, with a model that is kept loaded and without, in alternation.

    python -m tests.bench.keeping [--quick] [--smol FILE] [--threads N]

Two figures: a one-shot question with an answer of 16 tokens, from the process's start to its end; and the time to the
first token of another question about a file of 4,000 tokens that was asked about before, compared with a process that
has no cache at all. On the 0.5B-shape model, and for the first figure on SmolLM2-135M too, where `--smol` names its
file. Processor time, which other programs on the machine hardly disturb, is printed too.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.bench.measure import line, quartiles
from tests.bench.prefix import ask, file_of
from tests.model_files.random_model import QWEN3_0_6B, cached

KEPT = {"MULL_KEEP_ALIVE": "10m"}
TOKENS = 16


def one_shot(environment: Mapping[str, str], flags: Sequence[str]) -> tuple[float, float]:
    """Seconds and processor seconds of this process (without a server's) for an answer of 16 tokens."""
    command = [sys.executable, "-m", "mull", "--max-tokens", str(TOKENS), "--temperature", "0"]
    begun = time.perf_counter()
    process = subprocess.Popen(
        [*command, "--no-save", *flags, "Why is the sky blue?"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        env=environment,
    )
    assert process.stdout is not None
    process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return time.perf_counter() - begun, usage.ru_utime + usage.ru_stime


def one_shots(
    name: str, environment: Mapping[str, str], flags: Sequence[str], *, pairs: int, target: float
) -> None:
    kept = {**environment, **KEPT}
    for warm_up in (environment, kept, kept):
        one_shot(warm_up, flags)
    without, using = [], []
    for number in range(pairs):
        for one, runs in ((environment, without), (kept, using))[:: -1 if number % 2 else 1]:
            runs.append(one_shot(one, flags))
    for what, index in (("start to exit", 0), ("processor time of the call", 1)):
        a, b = ([run[index] for run in runs] for runs in (without, using))
        seconds = f"{statistics.median(a):.2f} s, {statistics.median(b):.2f} s"
        line(f"{name}, {TOKENS} tokens, {what}: loaded, kept", seconds, "-")
        ratio = str(quartiles([x / y for x, y in zip(a, b, strict=True)]))
        line("  times as fast", ratio, f">= {target}" if index == 0 else "-")


def second_question(environment: Mapping[str, str], flags: Sequence[str], *, pairs: int) -> None:
    kept, text = {**environment, **KEPT}, file_of(4000)
    ask(kept, text, 0, *flags)  # processes the file
    without, using = [], []
    for number in range(pairs):
        without.append(ask(environment, text, 10 + number, "--no-cache", *flags).first)
        using += [ask(kept, text, 100 + 5 * number + each, *flags).first for each in range(5)]
    seconds = f"{statistics.median(without):.1f} s, {statistics.median(using):.2f} s"
    line("second question about 4,000 tokens, first token: no cache, kept", seconds, "-")
    line("  times as fast", str(quartiles([a / b for a in without for b in using])), ">= 100")


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.keeping", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer samples")
    parser.add_argument("--smol", type=Path, metavar="FILE", help="SmolLM2-135M-Instruct as a GGUF file")
    parser.add_argument("--threads", help="of llama.cpp; unset: as mull chooses")
    asked = parser.parse_args()
    more = ("--threads", asked.threads) if asked.threads else ()
    pairs = 5 if asked.quick else 15
    with tempfile.TemporaryDirectory() as folder:
        own = {f"MULL_{kind}_DIR": str(Path(folder) / kind) for kind in ("CONFIG", "STATE", "CACHE")}
        environment = {**os.environ, **own}
        try:
            large = ("-m", str(cached(QWEN3_0_6B)), *more)
            one_shots("0.5B shape", environment, large, pairs=pairs, target=2.5)
            if asked.smol:
                one_shots("SmolLM2", environment, ("-m", str(asked.smol), *more), pairs=pairs, target=1.5)
            second_question(environment, large, pairs=1 if asked.quick else 3)
        finally:
            subprocess.run([sys.executable, "-m", "mull", "stop"], env=environment, check=True)


if __name__ == "__main__":
    main()
