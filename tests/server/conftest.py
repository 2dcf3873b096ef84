"""A running `mull serve`: a real process, with models that play scripts."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.cli.conftest import CHATML
from tests.conftest import PASSED_ON
from tests.model_files.scripted import write_scripted
from tests.waiting import PATIENCE, wait_for

TAGS = ["<think>", "</think>"]
THINKING, ANSWER, PLAIN = "Let me see.", "Forty-two.", "Just 42!"
COMPLETIONS, CONTROL = "/v1/chat/completions", "/v1/chat/completions/control"


@dataclass
class RunningServer:
    """A server's process. `address`: its base URL. `stderr`: the file with what it has printed."""

    process: subprocess.Popen[bytes]
    stderr: Path
    address: str = ""
    client: httpx2.Client = field(init=False)

    def __post_init__(self) -> None:
        wait_for(
            lambda: self.process.poll() is not None or b"curl " in self.stderr.read_bytes(), "the server"
        )
        found = re.search(r"at (http://\S+)/v1;", self.printed)
        self.address = found[1] if found else ""
        self.client = httpx2.Client(base_url=self.address, timeout=PATIENCE, trust_env=False)

    @property
    def printed(self) -> str:
        return self.stderr.read_text(encoding="utf-8")

    def ask(self, text: str = "Hi", **fields: Any) -> httpx2.Response:
        return self.client.post(COMPLETIONS, json=body(text, **fields))

    def metric(self, name: str) -> float:
        text = self.client.get("/metrics").text
        return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith(f"mull_{name}"))

    def wait_until_idle(self) -> None:
        """No completion runs or waits."""
        wait_for(
            lambda: self.metric("requests_running") == self.metric("requests_waiting") == 0, "an idle server"
        )

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal; the process's return code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(PATIENCE)


def body(text: str = "Hi", **fields: Any) -> dict[str, Any]:
    return {"model": "thinker", "messages": [{"role": "user", "content": text}], **fields}


@pytest.fixture(scope="session")
def thinker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thinks "Let me see." and answers "Forty-two."; without thinking it answers "Just 42!"."""
    return write_scripted(
        tmp_path_factory.mktemp("models") / "thinker.gguf",
        ["<think>", "\nLet me", " see.\n", "</think>", "\n\nForty", "-two", "."],
        starts={"\n\n": ["Just", " 42!"]},
        template=CHATML,
        user_defined=TAGS,
        n_ctx=512,
        name="thinker",
    )


@pytest.fixture(scope="session")
def talker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thinks for 4,000 tokens, answers with 8,000; without thinking with the 8,000 alone."""
    words = [f" word{i}" for i in range(8000)]
    return write_scripted(
        tmp_path_factory.mktemp("models") / "talker.gguf",
        ["<think>", *(f" thought{i}" for i in range(4000)), "</think>", *words],
        starts={"\n\n": words},
        template=CHATML,
        user_defined=TAGS,
        n_ctx=32768,
        name="talker",
    )


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory, checked_state: Path) -> dict[str, str]:
    """The environment of a new user, for all servers of a session."""
    base = tmp_path_factory.mktemp("server-home")
    (base / "config").mkdir()
    (base / "config" / "config.toml").write_text("threads = 1\n")
    shutil.copytree(checked_state, base / "state")
    return {
        **{name: os.environ[name] for name in PASSED_ON if name in os.environ},
        "HOME": str(base),
        "MULL_CONFIG_DIR": str(base / "config"),
        "MULL_STATE_DIR": str(base / "state"),
        "HF_HOME": str(base / "hf"),
        "HF_HUB_OFFLINE": "1",
        "LC_ALL": "C.UTF-8",
        "PYTHONPATH": str(Path(__file__).parents[2] / "cli"),
    }


Start = Callable[..., RunningServer]


@pytest.fixture(scope="session")
def start_server(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Start `mull serve ARGS…`, by default on a free port of loopback. All are ended at the end."""
    started: list[RunningServer] = []

    def start(*arguments: str | Path, env: dict[str, str] | None = None) -> RunningServer:
        where = () if {"--port", "--socket"} & {*arguments} else ("--port", "0")
        stderr = tmp_path_factory.mktemp("server") / "stderr"
        with stderr.open("wb") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", "mull", "serve", *map(str, (*arguments, *where))],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=file,
                env={**environment, **(env or {})},
            )
        started.append(RunningServer(process, stderr))
        return started[-1]

    yield start
    for one in started:
        one.client.close()
        with suppress(ProcessLookupError):
            one.process.kill()
        one.process.wait()


@pytest.fixture(scope="session")
def shared(start_server: Start, thinker: Path, talker: Path) -> RunningServer:
    """One server for the tests that leave it as it was."""
    return start_server("-m", thinker, "-m", talker, "--parallel", "4", "--log")


@pytest.fixture
def server(shared: RunningServer) -> Iterator[RunningServer]:
    """The shared server, alive before and after."""
    assert shared.process.poll() is None
    yield shared
    assert shared.process.poll() is None
    assert "Traceback" not in shared.printed
