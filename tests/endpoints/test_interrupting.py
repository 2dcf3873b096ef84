"""Ctrl+C while a server does anything, or nothing: mull ends at once, and the server's work ends with it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from tests.endpoints.dialects import Dialect, read_dialect
from tests.endpoints.scripted_server import End, Reply, Server, Step
from tests.waiting import wait_for

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")

FIRST, THINK, THOUGHT, FORTY, TWO, LAST, USAGE, DONE = read_dialect("llama_server").chunks(
    [" Let", " me"], ["Forty", "-two."]
)
PROMPTLY = 30.0  # seconds, on a busy machine; without a stop these would take ten minutes

Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def start(home: dict[str, str], server: Server) -> Start:
    def run(*words: str, stdin: bytes = b"") -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-m", "mull", *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=home,
        )
        assert process.stdin is not None
        process.stdin.write(stdin)
        process.stdin.close()
        process.stdin = None  # else `communicate` would write there
        return process

    return run


def interrupt(process: subprocess.Popen[bytes]) -> tuple[bytes, bytes]:
    process.send_signal(signal.SIGINT)
    began = time.monotonic()
    out, err = process.communicate(timeout=60)
    assert time.monotonic() - began < PROMPTLY
    assert process.returncode == -signal.SIGINT
    assert b"Traceback" not in err
    return out, err


DRIPPING: list[Step] = [step for byte in b"data: " + b"x" * 5000 for step in (bytes([byte]), 0.01)]
MOMENTS: dict[str, tuple[Reply, str]] = {
    "before the headers": (Reply([End.HOLD], raw=True), ""),
    "within the headers": (Reply([b"HTTP/1.1 200 OK\r\nContent-", End.HOLD], raw=True), ""),
    "before the first event": (Reply([End.HOLD]), ""),
    "within a line that never ends": (Reply(DRIPPING), ""),
    "among comments": (Reply([step for _ in range(5000) for step in (b": ping\n\n", 0.01)]), ""),
    "in the thinking": (Reply([FIRST, THINK, End.HOLD]), ""),
    "in the answer": (Reply([FIRST, THINK, FORTY, End.HOLD]), "Forty"),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_question_ends_at_once(server: Server, dialect: Dialect, start: Start, moment: str) -> None:
    reply, answer = MOMENTS[moment]
    server.on("POST", dialect.chat, reply)
    process = start("ask", "-m", f"thinker@{server.url}/v1", "--jsonl", "--no-save", "Hi")
    (request,) = server.wait_for(dialect.chat)
    seen = b""
    assert process.stdout is not None
    while answer and b'"answer"' not in seen:  # what came before the silence has been read
        seen += process.stdout.readline()
    out, _ = interrupt(process)
    assert request.left.wait(PROMPTLY)
    final = json.loads(out.splitlines()[-1]) if out.strip() else None
    if final is not None:
        assert final["finish"] == "interrupted"
        assert (final["answer"] or "") == answer


def test_a_server_that_accepts_and_never_reads(server: Server, start: Start) -> None:
    server.deaf = True
    process = start("ask", "-m", f"thinker@{server.url}/v1", "Hi")
    wait_for(lambda: server.connections, "a connection")
    out, _ = interrupt(process)
    assert out == b""


def test_a_batch_ends_all_its_requests_at_once(server: Server, dialect: Dialect, start: Start) -> None:
    server.on("POST", dialect.chat, Reply([FIRST, THINK, FORTY, End.HOLD]))
    process = start("batch", "-m", f"thinker@{server.url}/v1", "--parallel", "16", stdin=b'"Hi"\n' * 40)
    requests = server.wait_for(dialect.chat, 16)
    out, err = interrupt(process)
    assert all(request.left.wait(PROMPTLY) for request in requests)
    assert len(server.sent_to(dialect.chat)) == 16
    assert out == b""
    assert b"Interrupted" in err


def test_a_batch_that_waits_for_a_busy_server_ends_at_once(
    server: Server, dialect: Dialect, start: Start
) -> None:
    server.on("POST", dialect.chat, Reply(status=429, headers={"Retry-After": "200"}, framing="length"))
    process = start("batch", "-m", f"thinker@{server.url}/v1", stdin=b'"Hi"\n')
    server.wait_for(dialect.chat)
    wait_for(lambda: not server.running, "the refusal")
    interrupt(process)
    assert len(server.sent_to(dialect.chat)) == 1
