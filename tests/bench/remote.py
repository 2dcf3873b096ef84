"""A model on an endpoint beside the same model in this process: what HTTP and JSON cost.

`python -m tests.bench.remote [--quick]` prints the time that a token takes longer over `mull serve` on loopback, the
processor time of the server and of the client for each token, and the memory of a call that asks an endpoint. The model
plays a script of 1,200 tokens: it computes nearly nothing, so that the rest shows. Processor time, which other programs
on the machine hardly disturb, is printed for all of it.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

import psutil

from mull.backends.base import ChatBackend
from mull.backends.local import LocalBackend
from mull.backends.openai.backend import OpenAIBackend
from mull.control import TurnControl
from mull.endpoints.http import Client
from mull.events import Done
from mull.messages import Message
from mull.models.resolve import resolve
from mull.settings import DRAFT_OFF, EngineSettings, Sampling, TurnSettings
from tests.backends.servers import model
from tests.bench.measure import line, quartiles
from tests.bench.servers import server
from tests.measured import run_measured

SETTINGS = TurnSettings(sampling=Sampling(temperature=0.0), loop_guard=False)
QUESTION = (Message("user", "Hi"),)
PER_SECOND = 200  # tokens, at which the client's share of a core is stated


@dataclass(frozen=True, slots=True)
class Spent:
    """For each token, in milliseconds: by the clock, processor time of this process, and of a server."""

    clock: float
    here: float
    there: float


def answer(backend: ChatBackend, other: Callable[[], float] = lambda: 0.0) -> Spent:
    """One answer of the talker. `other`: processor seconds of its server so far."""
    clock, here, there = time.perf_counter(), time.process_time(), other()
    last = list(backend.stream(QUESTION, SETTINGS, TurnControl()))[-1]
    assert isinstance(last, Done)
    tokens = (last.usage.thinking + last.usage.answer) / 1000
    return Spent(
        (time.perf_counter() - clock) / tokens,
        (time.process_time() - here) / tokens,
        (other() - there) / tokens,
    )


def load(backend: ChatBackend) -> None:
    for _ in backend.load(TurnControl()):
        pass


def tokens(pairs: int) -> None:
    """The same answers by both backends, in alternation."""
    path = model("talker")
    local = LocalBackend(resolve(str(path)), EngineSettings(threads=1, draft=DRAFT_OFF))
    with talker() as (port, process), closing(local):
        remote = OpenAIBackend(Client(f"http://127.0.0.1:{port}/v1"))
        with closing(remote):
            for backend in (local, remote):
                load(backend)
                answer(backend)
            found = [(answer(local), answer(remote, lambda: processor(process))) for _ in range(pairs)]
    longer = quartiles([b.clock - a.clock for a, b in found])
    line("a token takes longer over HTTP, ms", str(longer), "<= 0.3")
    here = statistics.median(a.here for a, _ in found)
    line("  processor time in this process, ms", f"{here:.3f}", "-")
    line("  on the server, ms", f"{statistics.median(b.there for _, b in found):.3f}", "-")
    client = statistics.median(b.here for _, b in found)
    line("  of its client, ms", f"{client:.3f}", "-")
    share = f"{client / 1000 * PER_SECOND:.2%}"
    line(f"the client's share of a core at {PER_SECOND} tokens per second", share, "<= 2%")


@contextmanager
def talker() -> Iterator[tuple[int, psutil.Process]]:
    """A server of the model that plays the script: its port and its process. One thread, as in this process."""
    command = (sys.executable, "-m", "mull", "serve", "-m", str(model("talker")))
    with server(*command, "--threads", "1", "--parallel", "1", "--no-draft") as running:
        yield running


def processor(process: psutil.Process) -> float:
    """Processor seconds of a process so far."""
    return sum(process.cpu_times()[:2])


def memory() -> None:
    """The largest size of a call that asks an endpoint."""
    with talker() as (port, _), tempfile.TemporaryDirectory() as folder:
        own = {f"MULL_{kind}_DIR": folder for kind in ("CONFIG", "STATE", "CACHE")}
        asked = [sys.executable, "-m", "mull", "-m", f"@http://127.0.0.1:{port}/v1", "--no-save", "Hi"]
        done = run_measured(asked, {**os.environ, **own})
    if done.returncode:
        raise subprocess.CalledProcessError(done.returncode, asked, stderr=done.stderr)
    line("memory of a call on an endpoint, MB", f"{done.memory:.1f}", "<= 60")


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.remote", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer samples")
    asked = parser.parse_args()
    tokens(5 if asked.quick else 15)
    memory()


if __name__ == "__main__":
    main()
