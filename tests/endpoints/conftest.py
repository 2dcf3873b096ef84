"""Fixtures: a scripted server, and a mull that asks it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Run
from tests.endpoints.dialects import Dialect, read_dialect
from tests.endpoints.scripted_server import Reply, Server, serve

KEY = "sk-scripted-0123456789"
Ask = Callable[..., subprocess.CompletedProcess[bytes]]


@pytest.fixture
def dialect() -> Dialect:
    """llama-server's, the richest one."""
    return read_dialect("llama_server")


@pytest.fixture
def server(dialect: Dialect) -> Iterator[Server]:
    """A server that answers as it should until a test says otherwise."""
    with serve() as running:
        dialect.play_on(running)
        yield running


@pytest.fixture
def ask(mull: Run, server: Server) -> Ask:
    """`mull ask -m thinker@SERVER FLAGS…` with one question."""

    def run(*flags: str | Path, **options: Any) -> subprocess.CompletedProcess[bytes]:
        return mull("ask", "-m", f"thinker@{server.url}/v1", "--no-save", *flags, "Hi", **options)

    return run


@pytest.fixture
def office(home: dict[str, str], server: Server) -> dict[str, str]:
    """The server as an endpoint of the config, with a key; returns the environment that has the key."""
    config = Path(home["MULL_CONFIG_DIR"]) / "config.toml"
    with config.open("a") as file:
        file.write(f'[endpoints.office]\nurl = "{server.url}/v1"\nkey_env = "OFFICE_KEY"\n')
    return {"OFFICE_KEY": KEY}


def result(done: subprocess.CompletedProcess[bytes]) -> dict[str, Any]:
    """The object that `--json` printed: the only thing on stdout."""
    (line,) = done.stdout.splitlines()
    found: dict[str, Any] = json.loads(line)
    return found


def chat_reply(server: Server, dialect: Dialect, reply: Reply) -> None:
    """Let every chat request get this reply."""
    server.on("POST", dialect.chat, reply)
