"""Run fuzz targets, two at a time: `python -m tests.fuzz [NAME…]`, or one input: `python -m tests.fuzz NAME FILE`.

FUZZ_SECONDS (default 60) is for each target, FUZZ_JOBS (default 2) the number at a time. FUZZ_SEED repeats the inputs
of a run: CI sets it, so that a change fails for what it changed and not by chance. What a run without it learns is
kept in .fuzz/corpus, an input that fails in .fuzz/failures; the command that repeats it is printed. Exit code 1 on a
failure.
"""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.fuzz.runner import NAMES, fuzz, repeat


def main(arguments: list[str]) -> int:
    if len(arguments) == 2 and Path(arguments[1]).is_file():
        repeat(arguments[0], Path(arguments[1]))
        return 0
    if unknown := [name for name in arguments if name not in NAMES]:
        print(f"No such target: {', '.join(unknown)}. There are: {', '.join(NAMES)}", file=sys.stderr)
        return 2
    try:
        import atheris  # noqa: F401
    except ImportError:
        print("Skipped: atheris is for Python 3.11 to 3.13 on Linux (x86-64) only.", file=sys.stderr)
        return 0
    seconds = int(os.environ.get("FUZZ_SECONDS", "60"))
    seed = int(os.environ.get("FUZZ_SEED", "0"))
    with ThreadPoolExecutor(int(os.environ.get("FUZZ_JOBS", "2"))) as pool:
        results = list(pool.map(lambda name: fuzz(name, seconds, seed=seed), arguments or NAMES))
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
