"""Sessions by the thousand: `python -m tests.bench.storing` measures listing and searching them.

5,000 sessions of ten turns each, some 120 MB. The target times are for an idle machine; the CPU seconds show how
much of a figure is due to other programs.
"""

from __future__ import annotations

import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from mull.store import schema
from mull.store.sessions import Store, open_store
from tests.bench.measure import line

SESSIONS, TURNS = 5_000, 10


def fill(store: Store) -> None:
    """Made-up words, in one transaction: the writing is not what is measured."""
    dice = random.Random(1)
    words = ["".join(dice.choices("abcdefghijklmnopqrstuvwxyz", k=dice.randint(2, 9))) for _ in range(20_000)]

    def text(count: int) -> str:
        return " ".join(dice.choices(words, k=count))

    with schema.transaction(store._db):
        for _ in range(SESSIONS):
            session = store.start(model="pebble").id
            for _ in range(TURNS):
                turn = store.begin_turn(session, text(12), model="pebble")
                store._db.execute(
                    "UPDATE turns SET answer = ?, thinking = ?, finish = 'stop' WHERE id = ?",
                    (f"the {text(80)}", text(100), turn),
                )


def best(work: Callable[[], object], rounds: int = 5) -> tuple[float, float]:
    """Seconds by the clock and of the CPU (children included), the least of some rounds."""
    measured = []
    for _ in range(rounds):
        wall, cpu = time.perf_counter(), _cpu()
        work()
        measured.append((time.perf_counter() - wall, _cpu() - cpu))
    return min(seconds for seconds, _ in measured), min(seconds for _, seconds in measured)


def _cpu() -> float:
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def timed(name: str, seconds: tuple[float, float], target: str) -> None:
    """One figure, by the clock and of the CPU."""
    line(name, f"{seconds[0]:.3f} s, CPU {seconds[1]:.3f} s", target)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder)
        with open_store(state / "sessions.db") as store:
            fill(store)
            timed(
                f"open a store of {SESSIONS * TURNS:,} turns",
                best(lambda: open_store(store.path).close()),
                "-",
            )
            timed(f"list {SESSIONS:,} sessions", best(store.sessions), "<= 0.2 s")
            for words in ("the", "aab the", "nothinglikethis", '"the the"'):
                timed(
                    f"search {json.dumps(words)}", best(lambda words=words: store.search(words)), "<= 0.3 s"
                )
        home = {**os.environ, "MULL_STATE_DIR": folder, "MULL_CONFIG_DIR": folder}
        mull = [sys.executable, "-m", "mull", "sessions"]
        for name, command in (
            ("mull --version", [sys.executable, "-m", "mull", "--version"]),
            ("mull sessions list", [*mull, "list"]),
            ("mull sessions search the", [*mull, "search", "the"]),
        ):
            run = best(
                lambda command=command: subprocess.run(command, env=home, capture_output=True, check=True)
            )
            timed(name, run, "-")


if __name__ == "__main__":
    main()
