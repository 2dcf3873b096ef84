"""Ctrl+C at the worst moment, in a pipe: what was said is kept, the exit code is 130, and nothing crashes."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import CHATML
from tests.models.scripted import write_scripted

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thinks and answers at length, slowly: wide enough that a token takes some milliseconds."""
    thoughts = [f" thought{i}" for i in range(1500)]
    words = [f" word{i}" for i in range(3000)]
    return write_scripted(
        tmp_path_factory.mktemp("models") / "slow.gguf",
        ["<think>", *thoughts, "</think>", *words],
        starts={"\n\n": words},
        template=CHATML,
        user_defined=["<think>", "</think>"],
        n_ctx=32768,
        width=2048,
    )


class Running:
    """`mull --jsonl` as it runs: its events, a way to interrupt it, and how it ended."""

    def __init__(self, home: dict[str, str], *arguments: str, stdin: bytes = b"") -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "mull", "--jsonl", "--no-save", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=home,
        )
        assert self.process.stdin is not None
        self.process.stdin.write(stdin)
        self.process.stdin.close()

    def events(self) -> Iterator[dict[str, Any]]:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            yield json.loads(line)

    def interrupt(self) -> None:
        self.process.send_signal(signal.SIGINT)

    def end(self) -> tuple[int, str]:
        """The exit code and what was written to stderr."""
        assert self.process.stderr is not None
        with self.process:
            said = self.process.stderr.read().decode()
            return self.process.wait(20), said


@pytest.mark.parametrize(
    ("phase", "flags", "kept"),
    [("thinking", [], "thinking"), ("answer", ["--no-reason"], "answer")],
)
def test_while_it_generates(
    home: dict[str, str], slow: Path, phase: str, flags: list[str], kept: str
) -> None:
    run = Running(home, "-m", str(slow), *flags, "hi")
    last: dict[str, Any] = {}
    deltas = 0
    for event in run.events():
        last = event
        if event.get("event") == phase:
            deltas += 1
            if deltas == 5:
                run.interrupt()
    code, said = run.end()
    assert (code, said) == (130, "")
    assert last["finish"] == "interrupted"
    assert last[kept]
    assert last["usage"]["thinking"] + last["usage"]["answer"] < 1500


def test_in_prompt_processing(home: dict[str, str], slow: Path) -> None:
    text = "some words that take long to read, " * 800
    run = Running(home, "-m", str(slow), "--ctx", "32768", stdin=text.encode())
    last: dict[str, Any] = {}
    told = False
    for event in run.events():
        last = event
        if event.get("event") == "prompt" and not told:
            told = True
            run.interrupt()
    code, said = run.end()
    assert (code, said) == (130, "")
    assert (last["finish"], last["answer"], last["thinking"]) == ("interrupted", "", "")


def test_while_it_starts(home: dict[str, str], slow: Path) -> None:
    """At whatever point of starting and loading the signal arrives, the process ends with 130, without a traceback."""
    for delay in (0.12, 0.25, 0.4):
        run = Running(home, "-m", str(slow), "hi")
        time.sleep(delay)
        run.interrupt()
        code, said = run.end()
        assert code in {130, -signal.SIGINT}  # before Python is up, the signal itself ends it
        assert "Traceback" not in said or delay < 0.2


def test_twice_leaves_at_once(home: dict[str, str], slow: Path) -> None:
    run = Running(home, "-m", str(slow), "hi")
    for event in run.events():
        if event.get("event") == "thinking":
            run.interrupt()
            run.interrupt()
            break
    assert run.end()[0] == 130
