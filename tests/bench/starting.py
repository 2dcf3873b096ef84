"""Whole processes: how soon mull starts and answers, and how much memory it needs compared with a bare loop on the C
API."""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.measure import alternate, command, line, peak_memory, quartiles
from tests.model_files.random_model import QWEN3_0_6B, cached


def start_up(state: Path, *, runs: int) -> None:
    """Whole processes, warm files."""
    env = _environment(state)
    version, typer = command("-m", "mull", "--version", **env), command("-c", "import typer")
    ask = command("-m", "mull", "ask", "--no-reason", "What is 12 + 30?", **env)
    for warm_up in (version, typer, ask):
        warm_up()
    help_ = command("-m", "mull", "--help", **env)
    for name, ours in (("mull --version", version), ("mull --help", help_)):
        a, b = alternate(ours, typer, runs)
        ratio = quartiles([x / y for x, y in zip(a, b, strict=True)])
        line(f'{name} / python -c "import typer"', str(ratio), "<= 1.5")
    tab, _ = alternate(command("-m", "mull", "show", "gpt", **env, _MULL_COMPLETE="bash"), typer, runs)
    line("Tab after a model's name, seconds (best, median)", _best(tab), "<= 0.15")
    walls, bare = alternate(ask, command("-c", "pass"), runs)
    line("mull ask, pebble, no thinking, seconds (best, median)", _best(walls), "<= 1.0")
    line("  python -c pass, seconds (best, median)", _best(bare), "-")
    line("  its first byte, seconds (best, median)", _best([first_byte(env) for _ in range(runs)]), "<= 0.35")


def first_byte(environment: dict[str, str]) -> float:
    """Seconds from the start of a process to the first byte of pebble's answer."""
    begun = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-m", "mull", "--no-reason", "Hello!"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **environment},
    ) as process:
        assert process.stdout is not None
        process.stdout.read(1)
        seconds = time.perf_counter() - begun
        process.stdout.read()
    return seconds


def _best(sample: list[float]) -> str:
    return f"{min(sample):.2f}, {statistics.median(sample):.2f}"


def _environment(state: Path) -> dict[str, str]:
    """Nothing of the user's own settings and sessions is read or written."""
    return {f"XDG_{kind}_HOME": str(state) for kind in ("STATE", "CONFIG", "DATA", "CACHE")}


def memory(path: Path, state: Path) -> None:
    """The same model, prompt and number of tokens; the bare loop gets the context that mull chooses."""
    env = _environment(state)
    ours = peak_memory("-m", "mull", "ask", "-m", str(path), "--max-tokens", "4", "hello", **env)
    theirs = peak_memory("-m", "tests.bench.bare", str(path), "256", "32", "4")
    line(
        "peak memory above a bare C API loop",
        f"{(ours - theirs) / 1e6:.0f} MB ({ours / 1e6:.0f} - {theirs / 1e6:.0f})",
        "<= 60 MB",
    )


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.starting", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer samples")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        start_up(Path(folder), runs=5 if asked.quick else 21)
        if sys.platform != "win32":
            memory(cached(QWEN3_0_6B), Path(folder))


if __name__ == "__main__":
    main()
