"""Turns that end early, in a server: Ctrl+C at every moment, Tab, and a server that ends or stops within a turn."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mull.keep_alive import client
from mull.keep_alive.record import KeptServer
from tests.conftest import Run
from tests.waiting import wait_for

Servers = Callable[[], list[KeptServer]]
Act = Callable[[subprocess.Popen[bytes]], None]


@pytest.fixture
def turn(
    home: dict[str, str], slow: Path, servers: Servers
) -> Callable[..., tuple[int, dict[str, Any], str]]:
    """Ask the slow model with --jsonl, act at the fifth event of a kind: exit code, last object, stderr."""
    assert servers() == []

    def run(
        at: str, act: Act, *flags: str, text: bytes = b"", count: int = 5
    ) -> tuple[int, dict[str, Any], str]:
        command = [sys.executable, "-m", "mull", "--jsonl", "--no-save", "-m", str(slow), *flags, "hi"]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        with subprocess.Popen(command, env=home, **pipes) as process:  # type: ignore[call-overload]
            process.stdin.write(text)
            process.stdin.close()
            last: dict[str, Any] = {}
            for line in process.stdout:
                last = json.loads(line)
                count -= last.get("event") == at
                if not count:
                    act(process)
                    count -= 1
            return process.wait(60), last, process.stderr.read().decode()

    return run


def interrupt(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGINT)


@pytest.fixture
def pid(servers: Servers, mull: Run, slow: Path) -> int:
    """The process of the server, which is started before the turn."""
    assert mull("-m", slow, "--no-save", "--no-reason", "--max-tokens", "1", "hi").returncode == 0
    (server,) = servers()
    return server.pid


@pytest.mark.parametrize(("at", "flags"), [("thinking", []), ("answer", ["--no-reason"])])
def test_ctrl_c_ends_the_turn_and_not_the_server(
    turn: Any, pid: int, servers: Servers, mull: Run, slow: Path, at: str, flags: list[str]
) -> None:
    code, last, stderr = turn(at, interrupt, *flags)
    assert (code, last["finish"], stderr) == (-signal.SIGINT, "interrupted", "")
    assert last[at]
    assert last["usage"]["thinking"] + last["usage"]["answer"] < 1500
    assert [server.pid for server in servers()] == [pid]
    after = mull(
        "-m", slow, "--no-save", "--no-reason", "--max-tokens", "2", "hi"
    )  # nothing holds the line up
    assert (after.returncode, after.stdout) == (0, b" word0 word1\n")


def test_ctrl_c_while_the_prompt_is_processed(turn: Any, pid: int, servers: Servers) -> None:
    text = b"some words that take long to read, " * 800
    code, last, _ = turn("prompt", interrupt, "--ctx", "32768", text=text, count=1)
    assert (code, last["finish"], last["answer"]) == (-signal.SIGINT, "interrupted", "")
    assert pid in [server.pid for server in servers()]


def test_ctrl_c_while_another_call_is_answered(
    turn: Any, pid: int, home: dict[str, str], slow: Path, servers: Servers
) -> None:
    command = [sys.executable, "-m", "mull", "--no-save", "-m", str(slow), "waits"]

    def queue(process: subprocess.Popen[bytes]) -> None:
        with subprocess.Popen(command, env=home, stdout=subprocess.PIPE) as waiting:
            (server,) = servers()
            wait_for(lambda: client.KeptClient.of(server).status().waiting == 2, "a call in line")
            waiting.send_signal(signal.SIGINT)
            assert waiting.wait(60) == -signal.SIGINT
        assert process.poll() is None
        interrupt(process)

    assert turn("thinking", queue)[1]["finish"] == "interrupted"


def test_a_server_that_is_killed_within_an_answer(turn: Any, pid: int, mull: Run, slow: Path) -> None:
    code, last, stderr = turn("thinking", lambda _: os.kill(pid, signal.SIGKILL))
    assert (code, last["finish"], stderr) == (1, "error", "")
    assert last["error"]["code"] == "kept_model_ended"
    again = mull("-m", slow, "--no-save", "--no-reason", "--max-tokens", "1", "hi")
    assert (again.returncode, again.stderr) == (0, b"")


def test_mull_stop_within_an_answer(turn: Any, pid: int, mull: Run, servers: Servers) -> None:
    code, last, stderr = turn("thinking", lambda _: mull("stop"))
    assert (code, last["finish"], stderr) == (1, "error", "")
    assert last["error"]["code"] == "kept_model_ended"
    assert last["thinking"]
    assert pid
    assert servers() == []


def test_what_was_said_before_a_kill_is_shown(home: dict[str, str], pid: int, slow: Path) -> None:
    command = [sys.executable, "-m", "mull", "--no-save", "--no-reason", "-m", str(slow), "hi"]
    with subprocess.Popen(command, env=home, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        begin = process.stdout.read(20)
        os.kill(pid, signal.SIGKILL)
        assert (begin + process.stdout.read()).startswith(b" word0 word1 word2 word3")
        assert process.wait(60) == 1
        assert b"has ended" in process.stderr.read()


def test_a_server_that_is_stopped_within_an_answer(turn: Any, pid: int, servers: Servers) -> None:
    code, last, _ = turn("thinking", lambda _: os.kill(pid, signal.SIGSTOP))
    assert (code, last["error"]["code"]) == (1, "kept_model_ended")
    assert "does not respond" in last["error"]["message"]
    assert servers()[0].state == "stopped"


def test_ctrl_c_while_a_server_is_stopped(turn: Any, pid: int) -> None:
    def both(process: subprocess.Popen[bytes]) -> None:
        os.kill(pid, signal.SIGSTOP)
        interrupt(process)

    code, last, _ = turn("thinking", both)
    assert (code, last["finish"]) == (-signal.SIGINT, "interrupted")
    assert last["thinking"]
