"""Run one target in a child process, with limits for the time and the memory of each input.

In: a target's name. Out: whether nothing failed; on a failure the end of the child's output and the command that
repeats it are printed. Run by itself, this module is that child: `python -m tests.fuzz.runner NAME [libFuzzer flags]`.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
WORK = ROOT / ".fuzz"
NAMES = tuple(sorted(path.stem.removeprefix("target_") for path in HERE.glob("target_*.py")))
LONGEST_INPUT = 16_384  # bytes
LONGEST_SECONDS = 20  # of one input; generous, because machines that fuzz are busy
LARGEST_MIB = 1500  # of the process
SHOWN_LINES = 40


def target(name: str) -> Callable[[bytes], None]:
    check: Callable[[bytes], None] = importlib.import_module(f"tests.fuzz.target_{name}").check
    return check


def seeds(name: str) -> list[Path]:
    return sorted((HERE / "corpus" / name).iterdir())


def fuzz(name: str, seconds: int, work: Path = WORK, *, seed: int = 0) -> bool:
    """Run a target for that long; whether nothing failed.

    `seed` 0: another sequence of inputs at each run. Otherwise the sequence is the same each time, so the run begins
    with the committed seeds alone, and what it learns is forgotten.
    """
    failures = work / "failures"
    failures.mkdir(parents=True, exist_ok=True)
    if seed:
        with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
            return _fuzz(name, seconds, Path(folder), failures, seed)
    learned = work / "corpus" / name
    learned.mkdir(parents=True, exist_ok=True)
    return _fuzz(name, seconds, learned, failures, seed)


def _fuzz(name: str, seconds: int, learned: Path, failures: Path, seed: int) -> bool:
    before = set(failures.iterdir())
    flags = {
        "max_total_time": seconds,
        "max_len": LONGEST_INPUT,
        "timeout": LONGEST_SECONDS,
        "rss_limit_mb": LARGEST_MIB,
        "artifact_prefix": f"{failures}/{name}-",
        "print_final_stats": 1,
        "seed": seed,
    }
    command = [
        sys.executable,
        "-m",
        "tests.fuzz.runner",
        name,
        *(f"-{flag}={value}" for flag, value in flags.items()),
    ]
    command += [str(learned), str(HERE / "corpus" / name)]
    environment = {**os.environ, "PYTHONHASHSEED": str(seed)} if seed else None
    done = subprocess.run(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment, check=False
    )
    lines = done.stdout.decode("utf-8", "replace").splitlines()
    tried = next((line.split()[-1] for line in lines if "number_of_executed_units" in line), "?")
    if done.returncode == 0:
        print(f"{name}: {tried} inputs, no failure", flush=True)
        return True
    report = [f"{name}: FAILED (exit code {done.returncode})", *lines[-SHOWN_LINES:]]
    new = sorted({path for path in failures.iterdir() if path.name.startswith(f"{name}-")} - before)
    report += [f"Repeat it with: python -m tests.fuzz {name} {path}" for path in new]
    print("\n".join(report), flush=True)
    return False


def repeat(name: str, path: Path) -> None:
    """Check one input in this process."""
    target(name)(path.read_bytes())


def _child(name: str) -> None:
    import atheris

    with atheris.instrument_imports(include=["mull"]):
        check = target(name)
    atheris.Setup([sys.argv[0], *sys.argv[2:]], check)
    atheris.Fuzz()


if __name__ == "__main__":
    _child(sys.argv[1])
