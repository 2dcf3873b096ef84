"""`mull serve --rpc`: the server outlives its workers, tells its clients, and ends when it is asked to."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.conftest import Run
from tests.rpc.conftest import Workers
from tests.rpc.test_worker import needs_rpc
from tests.rpc.workers import hello, impostor, scripted, stop
from tests.server.conftest import ANSWER, COMPLETIONS, RunningServer, Start, body
from tests.waiting import wait_for

pytestmark = [needs_rpc, pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")]


@pytest.fixture
def long_talker(tmp_path: Path) -> Path:
    from tests.rpc.test_backend import talker

    return talker(tmp_path)


def over(workers: Workers) -> tuple[str, ...]:
    return ("--rpc", ",".join(workers.addresses))


def loaded(server: RunningServer) -> RunningServer:
    wait_for(lambda: server.client.get("/health").status_code == 200, "a loaded model")
    return server


def chunks(server: RunningServer) -> Iterator[dict[str, Any]]:
    """The data of a streamed answer, but `[DONE]`."""
    with server.client.stream("POST", COMPLETIONS, json=body(stream=True, model="talker")) as response:
        for line in response.iter_lines():
            if line.startswith("data: {"):
                yield json.loads(line.removeprefix("data: "))


def test_it_answers_over_two_workers(start_server: Start, thinker: Path, workers: Workers) -> None:
    server = loaded(start_server("-m", thinker, *over(workers)))
    assert server.ask().json()["choices"][0]["message"]["content"] == ANSWER
    refused = server.client.post(
        "/tokenize", json={"content": "Hi"}
    )  # the vocabulary is in the other process
    assert refused.status_code == 501
    assert "no tokenizer" in refused.json()["error"]["message"]
    assert "nothing is encrypted" in server.printed
    assert server.end() == -signal.SIGTERM


def test_a_lost_worker_is_told_and_the_server_stays(
    start_server: Start, long_talker: Path, workers: Workers
) -> None:
    server = loaded(start_server("-m", long_talker, *over(workers)))
    found: list[dict[str, Any]] = []
    for chunk in chunks(server):
        if not found:
            workers.processes[1].kill()
        found.append(chunk)
    errors = [chunk["error"] for chunk in found if "error" in chunk]
    assert len(errors) == 1
    assert workers.addresses[1] in errors[0]["message"]
    health = server.client.get("/health")
    assert health.status_code == 503
    wait_for(
        lambda: workers.addresses[1] in server.client.get("/health").json().get("error", ""), "the reason"
    )
    refused = server.ask(model="talker")
    assert refused.status_code == 503
    assert workers.addresses[1] in refused.json()["error"]["message"]
    workers.again()
    assert server.ask(model="talker", max_tokens=4).status_code == 200
    assert server.client.get("/health").json()["status"] == "ok"
    assert server.end() == -signal.SIGTERM


def test_a_stopped_worker_ends_the_answer_in_the_time_that_was_given(
    start_server: Start, long_talker: Path, workers: Workers
) -> None:
    server = loaded(start_server("-m", long_talker, *over(workers), "--rpc-timeout", "4s"))
    found: list[dict[str, Any]] = []
    for chunk in chunks(server):
        if not found:
            stop(workers.processes[1])
        found.append(chunk)
    assert "for 4 s" in found[-1]["error"]["message"]
    workers.processes[1].send_signal(signal.SIGCONT)
    assert server.ask(model="talker", max_tokens=4).status_code == 200


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_while_a_worker_is_stopped(
    start_server: Start, long_talker: Path, workers: Workers, number: signal.Signals
) -> None:
    server = loaded(start_server("-m", long_talker, *over(workers)))
    children = psutil.Process(server.process.pid).children()
    for chunk in chunks(server):
        if chunk.get("choices"):
            stop(workers.processes[1])
            server.process.send_signal(number)
            server.process.send_signal(number)
            break
    assert server.process.wait(60) == -number
    assert not psutil.wait_procs(children, timeout=30)[1]


def test_the_process_that_computes_never_outlives_the_server(
    start_server: Start, long_talker: Path, workers: Workers
) -> None:
    server = loaded(start_server("-m", long_talker, *over(workers)))
    children = psutil.Process(server.process.pid).children()
    for _ in chunks(server):
        stop(workers.processes[1])  # it is blocked in llama.cpp now
        server.process.kill()
        break
    assert children
    assert not psutil.wait_procs(children, timeout=30)[1]


def test_it_ends_while_it_loads(start_server: Start, thinker: Path) -> None:
    with impostor(None) as silent:
        server = start_server("-m", thinker, "--rpc", silent)
        assert server.address
        assert server.end(signal.SIGINT) == -signal.SIGINT


def test_no_address_is_shown_before_the_workers_answer(mull: Run, thinker: Path) -> None:
    with scripted(b"", close=False) as silent:
        done = mull("serve", "-m", thinker, "--port", "0", "--rpc", silent)
    assert done.returncode == 1
    assert f"The worker {silent} accepts connections but does not answer.".encode() in done.stderr
    assert b"http://" not in done.stderr


def test_a_worker_that_is_dead_at_the_start_ends_it(mull: Run, thinker: Path) -> None:
    with scripted(b"") as address:
        pass
    done = mull("serve", "-m", thinker, "--port", "0", "--rpc", address)
    assert done.returncode == 1
    assert address.encode() in done.stderr
    assert b"refused" in done.stderr
    assert b"http://" not in done.stderr


@pytest.mark.parametrize("answer", [b"", b"\xff" * 64, bytes(64)])
def test_a_worker_that_talks_nonsense_ends_it(mull: Run, thinker: Path, answer: bytes) -> None:
    with impostor(answer) as address:
        done = mull("serve", "-m", thinker, "--port", "0", "--rpc", address)
    assert done.returncode == 1
    assert b"The process that computes with the workers failed: Remote RPC server" in done.stderr
    assert b"Traceback" not in done.stderr


def test_a_worker_of_another_version_ends_it(mull: Run, thinker: Path) -> None:
    with scripted(hello(3, 6, 0)) as address:
        done = mull("serve", "-m", thinker, "--port", "0", "--rpc", address)
    assert done.returncode == 1
    assert b"version 3.6.0" in done.stderr
    assert b"http://" not in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("--rpc", "[::1]:50052"),
        ("--rpc", ""),
        ("--rpc", "127.0.0.1:1", "--rpc-timeout", "0"),
        ("--rpc", "127.0.0.1:1", "-m", "another"),
        ("--rpc", "8.8.8.8:50052"),
    ],
)
def test_wrong_usage_is_refused(mull: Run, thinker: Path, arguments: tuple[str, ...]) -> None:
    done = mull("serve", "-m", thinker, "--port", "0", *arguments)
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr
