"""The fixtures of the servers' tests, and two workers."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from tests.rpc.workers import run_worker
from tests.server.conftest import environment, start_server, thinker

__all__ = ["environment", "start_server", "thinker"]


@dataclass
class Workers:
    """Two workers; `again` starts the second one again, at its old address."""

    home: dict[str, str]
    stack: ExitStack
    processes: list[subprocess.Popen[str]]
    addresses: list[str]

    def again(self) -> None:
        self.processes[1].wait()
        port = int(self.addresses[1].split(":")[1])
        process, _ = self.stack.enter_context(run_worker(self.home, port=port))
        self.processes[1] = process


@pytest.fixture
def workers(home: dict[str, str]) -> Iterator[Workers]:
    with ExitStack() as stack:
        started = [stack.enter_context(run_worker(home)) for _ in range(2)]
        yield Workers(home, stack, [one[0] for one in started], [one[1] for one in started])
