"""What a pull costs: `python -m tests.bench.downloading [MEGABYTES] [PAIRS]`, against a server on this machine.

1. `mull pull` against `hf download` of the same file from the same server, processes in alternating order: wall time
   and CPU time, start-up included.
2. What the SHA-256 beside the download adds: the same pull with a digest that does nothing.
3. `mull pull` of a model that is installed.

Figures to reach: at least 0.9 of the speed of `hf download`, at most 10% for the verification, at most 0.5 s.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
REPO = "owner/big-GGUF"
UNCHECKED = f"""
import mull.models.hub.transfer as transfer
from mull.app import main

class Nothing:
    def __init__(self, expected, size):
        self.expected = expected
    def update(self, chunk): pass
    def close(self): pass
    def finish(self):
        return self.expected

transfer.Digest = Nothing
main(["pull", "{REPO}"])
"""


def write_model(path: Path, megabytes: int) -> None:
    """Bytes that do not compress, a little different in every megabyte."""
    block = os.urandom(1 << 20)
    with path.open("wb") as file:
        file.write(b"GGUF")
        for number in range(megabytes):
            file.write(block[number:] + block[:number])


def run(command: Sequence[str], environment: Mapping[str, str]) -> tuple[float, float]:
    """(wall, CPU) seconds of a process."""
    before, began = os.times(), time.monotonic()
    subprocess.run(command, env=environment, capture_output=True, check=True)
    wall, after = time.monotonic() - began, os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return wall, cpu


def main(megabytes: int = 500, pairs: int = 5) -> None:
    """Measure and print."""
    python = sys.executable
    commands = {
        "mull": [python, "-m", "mull", "pull", REPO],
        "hf": [python, "-m", "huggingface_hub.cli.hf", "download", REPO, "big-Q4_K_M.gguf"],
        "unchecked": [python, "-c", UNCHECKED],
    }
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    again: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as scratch:
        base = Path(scratch)
        (base / "served").mkdir()
        write_model(base / "served" / "big-Q4_K_M.gguf", megabytes)
        server = subprocess.Popen(
            [python, "-m", "tests.models.hub_server", "0", str(base / "served")],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert server.stdout is not None
            url = server.stdout.readline().strip()
            for number in range(pairs * len(commands)):
                name = [*commands][(number + number // len(commands)) % len(commands)]
                with tempfile.TemporaryDirectory(dir=base) as place:
                    environment = {**os.environ, **_environment(Path(place), url)}
                    taken[name].append(run(commands[name], environment))
                    if name == "mull":
                        again.append(run(commands[name], environment))
        finally:
            server.kill()
            server.wait()
    for name, times in taken.items():
        wall, cpu = (statistics.median(one) for one in zip(*times, strict=True))
        print(f"{name:<10} {wall:6.2f} s wall, {cpu:5.2f} s CPU, {megabytes * 1.048576 / wall:6.0f} MB/s")
    wall = {name: statistics.median(one[0] for one in times) for name, times in taken.items()}
    print(f"speed, mull / hf download          {wall['hf'] / wall['mull']:.2f}   target >= 0.9")
    print(f"time that the verification adds    {wall['mull'] / wall['unchecked'] - 1:+.0%}  target <= 10%")
    print(f"pull of an installed model         {min(one[0] for one in again):.2f} s target <= 0.5 s")


def _environment(place: Path, url: str) -> dict[str, str]:
    return {
        "HF_HOME": str(place / "hf"),
        "HF_ENDPOINT": url,
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "MULL_STATE_DIR": str(place / "state"),
        "MULL_CONFIG_DIR": str(place / "config"),
        "PYTHONPATH": str(ROOT / "cli"),
    }


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
