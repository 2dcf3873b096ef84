"""A home whose servers end with the test."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mull.keep_alive import record
from mull.keep_alive.record import KeptServer
from tests.cli.conftest import slow, thinker  # noqa: F401 - fixtures
from tests.conftest import Run
from tests.modes import stop_servers

Ask = Callable[..., dict[str, Any]]


@pytest.fixture
def servers(
    home: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[], list[KeptServer]]]:
    """The servers that run for this test's home; they are ended after it."""
    monkeypatch.setenv("MULL_STATE_DIR", home["MULL_STATE_DIR"])
    home["MULL_KEEP_ALIVE"] = "60"
    yield record.running
    stop_servers(home)


@pytest.fixture
def ask(mull: Run, thinker: Path, servers: object) -> Ask:  # noqa: F811
    """Ask the thinker with --json: the object, with the exit code and stderr added."""

    def run(*arguments: str | Path, **options: Any) -> dict[str, Any]:
        done = mull("-m", thinker, "--json", *arguments, "What is it?", **options)
        return {**json.loads(done.stdout), "code": done.returncode, "stderr": done.stderr.decode()}

    return run
