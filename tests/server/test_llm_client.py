"""The `llm` tool as a client of `mull serve`, configured as docs/server.md says."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.server.conftest import PLAIN, RunningServer
from tests.waiting import PATIENCE

Llm = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def llm(server: RunningServer, tmp_path: Path) -> Llm:
    (tmp_path / "extra-openai-models.yaml").write_text(
        f"- model_id: mull\n  model_name: thinker\n  api_base: {server.address}/v1\n  supports_schema: true\n",
        encoding="utf-8",
    )

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "llm", *arguments],
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(tmp_path),
                "LLM_USER_PATH": str(tmp_path),
                "LLM_LOAD_PLUGINS": "",  # the package with SmolLM2 is one, and loads llama.cpp
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )

    return run


def test_it_streams_an_answer(llm: Llm) -> None:
    done = llm("-m", "mull", "Hi", "--no-log")
    assert (done.returncode, done.stdout.strip()) == (0, "Forty-two."), done.stderr


def test_it_waits_for_an_answer(llm: Llm) -> None:
    done = llm("-m", "mull", "Hi", "--no-log", "--no-stream", "-o", "max_tokens", "100")
    assert (done.returncode, done.stdout.strip()) == (0, "Forty-two."), done.stderr


def test_it_shows_an_error(llm: Llm) -> None:
    done = llm("-m", "mull", "long " * 5000, "--no-log")
    assert done.returncode == 1
    assert "the context 512" in done.stderr
    assert PLAIN not in done.stdout
