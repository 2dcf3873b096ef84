"""Signals at any moment of a one-shot turn: the partial answer is saved, the exit code is right, nothing crashes."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")


class Running:
    """A running `mull --jsonl`: its events, signals to it, and how it ended."""

    def __init__(
        self,
        home: dict[str, str],
        *arguments: str,
        stdin: bytes = b"",
        flags: Sequence[str] = ("--jsonl", "--no-save"),
    ) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "mull", *flags, *arguments],
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

    def interrupt(self, number: signal.Signals = signal.SIGINT) -> None:
        self.process.send_signal(number)

    def end(self) -> tuple[int, str]:
        """Wait for the end; returns the exit code and the text on stderr."""
        assert self.process.stderr is not None
        assert self.process.stdout is not None
        with self.process:
            rest = b"" if self.process.stdout.closed else self.process.stdout.read()
            self.last_line = (rest.splitlines() or [b""])[-1]
            written = self.process.stderr.read().decode()
            return self.process.wait(20), written

    @property
    def last(self) -> dict[str, Any]:
        """The last object on stdout."""
        found: dict[str, Any] = json.loads(self.last_line)
        return found


@pytest.mark.parametrize(
    ("phase", "flags", "field"),
    [("thinking", [], "thinking"), ("answer", ["--no-reason"], "answer")],
)
def test_interrupt_while_generating(
    home: dict[str, str], slow: Path, phase: str, flags: list[str], field: str
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
    code, stderr = run.end()
    assert (code, stderr) == (130, "")
    assert last["finish"] == "interrupted"
    assert last[field]
    assert last["usage"]["thinking"] + last["usage"]["answer"] < 1500


def test_interrupt_while_processing_the_prompt(home: dict[str, str], slow: Path) -> None:
    text = "some words that take long to read, " * 800
    run = Running(home, "-m", str(slow), "--ctx", "32768", stdin=text.encode())
    last: dict[str, Any] = {}
    interrupted = False
    for event in run.events():
        last = event
        if event.get("event") == "prompt" and not interrupted:
            interrupted = True
            run.interrupt()
    code, stderr = run.end()
    assert (code, stderr) == (130, "")
    assert (last["finish"], last["answer"], last["thinking"]) == ("interrupted", "", "")


INTERRUPTED_AT_AN_IMPORT = """
import os, runpy, signal, sys

class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == MODULE:
            sys.meta_path.remove(self)
            print("interrupted", file=sys.stderr, flush=True)
            os.kill(os.getpid(), signal.SIGINT)

MODULE = sys.argv.pop(1)
sys.meta_path.insert(0, Interrupt())
runpy.run_module("mull", run_name="__main__", alter_sys=True)
"""


@pytest.mark.parametrize(
    "module", ["mull.app", "typer.main", "mull.commands.ask", "mull.backends.local", "mull.commands._session"]
)
def test_interrupt_while_starting(home: dict[str, str], slow: Path, module: str) -> None:
    """Ctrl+C while the main thread imports something: exit code 130, and no traceback.

    Before mull's own code runs, it is Python that is interrupted: nothing here is about that.
    """
    command = [
        sys.executable,
        "-c",
        INTERRUPTED_AT_AN_IMPORT,
        module,
        "--jsonl",
        "--no-save",
        "-m",
        str(slow),
    ]
    done = subprocess.run(
        [*command, "hi"], stdin=subprocess.DEVNULL, capture_output=True, env=home, check=False
    )
    assert (done.returncode, done.stderr.decode()) == (130, "interrupted\n")
    for line in done.stdout.splitlines()[-1:]:
        assert json.loads(line)["finish"] == "interrupted"


def test_interrupt_while_loading(home: dict[str, str], slow: Path) -> None:
    run = Running(home, "-m", str(slow), "hi")
    last: dict[str, Any] = {}
    for event in run.events():
        if event.get("event") == "loading" and last.get("event") != "loading":
            run.interrupt()
        last = event
    assert run.end() == (130, "")
    assert last["finish"] == "interrupted"


def test_a_second_interrupt_exits_at_once(home: dict[str, str], slow: Path) -> None:
    run = Running(home, "-m", str(slow), "hi")
    for event in run.events():
        if event.get("event") == "thinking":
            run.interrupt()
            run.interrupt()
            break
    assert run.end()[0] == 130


def saved_turn(home: dict[str, str], name: str) -> dict[str, Any]:
    """The last saved turn of a session; empty when there is none."""
    command = [sys.executable, "-m", "mull", "sessions", "export", name, "--format", "json"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, env=home, check=False)
    turns: list[dict[str, Any]] = json.loads(done.stdout)["turns"] if done.returncode == 0 else []
    return turns[-1] if turns else {}


@pytest.mark.parametrize(
    "form", [("--jsonl",), ("--json",), ("--thinking", "hide")], ids=["jsonl", "json", "text"]
)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_saves_the_partial_answer_in_the_session(
    home: dict[str, str], slow: Path, number: signal.Signals, form: tuple[str, ...]
) -> None:
    run = Running(home, "-m", str(slow), "--no-reason", "--session", "night", "hi", flags=form)
    until = time.monotonic() + 30
    while not saved_turn(home, "night").get("answer") and time.monotonic() < until:
        time.sleep(0.1)
    run.interrupt(number)
    code, stderr = run.end()
    assert (code, stderr) == (128 + number, "")
    turn = saved_turn(home, "night")
    assert turn["finish"] == "interrupted"
    assert turn["answer"].startswith(" word0 word1")
    if form[0].startswith("--json"):
        assert run.last["finish"] == "interrupted"
        assert run.last["answer"].strip().startswith(turn["answer"].strip()[:50])


def test_nohup_is_respected(home: dict[str, str], slow: Path) -> None:
    """A signal that was ignored when mull was started stays ignored."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        run = Running(home, "-m", str(slow), "--no-reason", "--max-tokens", "300", "hi")
    finally:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
    last: dict[str, Any] = {}
    for event in run.events():
        if event.get("event") == "answer" and last.get("event") != "answer":
            run.interrupt(signal.SIGHUP)
        last = event
    assert run.end() == (0, "")
    assert (last["finish"], last["usage"]["answer"]) == ("length", 300)


def test_a_closed_pipe_saves_the_partial_answer_in_the_session(home: dict[str, str], slow: Path) -> None:
    run = Running(home, "-m", str(slow), "--no-reason", "--session", "night", "hi", flags=())
    assert run.process.stdout is not None
    run.process.stdout.read(50)
    run.process.stdout.close()
    assert run.end() == (0, "")
    assert saved_turn(home, "night")["finish"] == "interrupted"
    assert saved_turn(home, "night")["answer"].startswith(" word0 word1")
