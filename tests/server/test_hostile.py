"""Hostile clients: bodies of any kind, clients that leave at any moment, and slow ones. The server lives."""

from __future__ import annotations

import asyncio
import json
import random
import socket
import threading
import time
from contextlib import closing, suppress
from typing import Any

import httpx2
import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mull.control import TurnControl
from mull.events import AnswerDelta
from mull.server.limits import HEADER_SECONDS, MOST_UNREAD
from mull.server.pending_turn import PendingTurn
from mull.server.served_model import Job
from mull.settings import TurnSettings
from tests.api.test_requests import JSON, KNOWN
from tests.server.conftest import COMPLETIONS, CONTROL, RunningServer, body
from tests.waiting import PATIENCE, wait_for

FIELDS = st.dictionaries(st.sampled_from(KNOWN) | st.text(max_size=8), JSON, max_size=5)
UNPICKY = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def alive(server: RunningServer) -> bool:
    return server.ask(reasoning_effort="none").status_code == 200


def raw(server: RunningServer) -> socket.socket:
    host, port = server.address.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=PATIENCE)


@UNPICKY
@given(fields=FIELDS)
def test_any_fields_are_answered_or_refused(server: RunningServer, fields: dict[str, Any]) -> None:
    text = json.dumps(body(**{"max_tokens": 3, **fields}) | {"stream": False})
    response = server.client.post(COMPLETIONS, content=text.encode("utf-8", "surrogatepass"))
    assert response.status_code in {200, 400, 404}
    if response.status_code != 200:
        assert {"code", "message", "type"} <= response.json()["error"].keys()


@UNPICKY
@given(data=st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_refused(server: RunningServer, data: bytes) -> None:
    for path in (COMPLETIONS, CONTROL, f"{COMPLETIONS}/input_tokens", "/tokenize", "/detokenize"):
        assert server.client.post(path, content=data).status_code in {400, 404}


@pytest.mark.parametrize(
    "data",
    [
        b"GET\r\n\r\n",
        b"\x00\xff" * 100,
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 200_000,
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n",
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n",
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    ],
)
def test_broken_http(server: RunningServer, data: bytes) -> None:
    with raw(server) as connection:
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            answer = connection.recv(1000)
        except OSError:
            answer = b""
    assert answer == b"" or answer.startswith(b"HTTP/1.1 ")
    assert not answer.startswith(b"HTTP/1.1 5")
    assert alive(server)


def test_deep_and_large_bodies(server: RunningServer) -> None:
    for text in ("[" * 100_000, '{"messages":' * 5000, '{"messages": [' + "{}," * 100_000 + "{}]}"):
        assert server.client.post(COMPLETIONS, content=text).status_code == 400
    large = server.client.post(COMPLETIONS, content=iter([b"x" * 1_000_000] * 40))
    assert large.status_code == 413
    assert alive(server)


def leave_at_some_moment(server: RunningServer, data: bytes, seconds: float) -> None:
    """Send a request, read for so long, and close the connection."""
    with raw(server) as connection, suppress(TimeoutError):
        connection.sendall(data)
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            connection.settimeout(left)
            if not connection.recv(10_000):
                break


def request(fields: dict[str, Any]) -> bytes:
    data = json.dumps(fields).encode()
    head = f"POST {COMPLETIONS} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(data)}\r\n\r\n"
    return head.encode() + data


@pytest.mark.parametrize(
    ("requests", "share", "settled", "grown"),
    [
        (40, 0.3, 20, 1.05),
        pytest.param(1000, 0.1, 100, 1.02, marks=[pytest.mark.slow, pytest.mark.timeout(900)]),
    ],
)
def test_clients_that_leave_at_random_leave_nothing_behind(
    server: RunningServer, requests: int, share: float, settled: int, grown: float
) -> None:
    """They leave in the middle of their request, in the queue, in prefill, while it thinks or answers.

    After the first `settled` requests the memory grows by no more than the factor `grown`.
    """
    chance = random.Random(7)
    process = psutil.Process(server.process.pid)
    before = 0
    for count in range(requests):
        fields = body(f"question {count}", model="talker", max_tokens=5, stream=True)
        if chance.random() < share:
            data = request(fields | {"max_tokens": 5000})
            leave_at_some_moment(
                server, data[: chance.choice([len(data), len(data) // 2])], chance.random() / 20
            )
        else:
            assert server.client.post(COMPLETIONS, json=fields).text.endswith("data: [DONE]\n\n")
        if count == settled:
            server.wait_until_idle()
            before = process.memory_info().rss
    server.wait_until_idle()
    assert process.memory_info().rss < before * grown
    assert alive(server)


def test_a_client_that_reads_nothing_holds_up_no_other(server: RunningServer) -> None:
    with closing(raw(server)) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(request(body(model="talker", max_tokens=600, stream=True)))
        connection.recv(1)
        assert all(alive(server) for _ in range(5))
        server.wait_until_idle()  # its answer ends although none of it is read
        text = b""
        while b"[DONE]" not in text[-100:]:
            text += connection.recv(1 << 20)
    assert text.count(b"data: ") > 600


def test_an_old_client_gets_a_stream_until_its_end(server: RunningServer) -> None:
    """HTTP/1.0 has no chunks: the connection's end is the response's."""
    with closing(raw(server)) as connection:
        connection.sendall(request(body(stream=True)).replace(b"HTTP/1.1", b"HTTP/1.0"))
        text = b""
        while data := connection.recv(1 << 20):
            text += data
    head, _, stream = text.partition(b"\r\n\r\n")
    assert b"chunked" not in head.lower()
    assert all(not line or line.startswith(b"data: ") for line in stream.splitlines())
    assert stream.endswith(b"data: [DONE]\n\n")


def test_what_a_client_leaves_unread_is_limited() -> None:
    async def put() -> int:
        stopped = []

        class Model:
            def stop(self, job: Job) -> None:
                stopped.append(job)

        turn = PendingTurn(Model())  # type: ignore[arg-type]
        turn.job = Job(0, (), TurnSettings(), TurnControl(), turn.put)
        for count in range(MOST_UNREAD):
            turn.put(AnswerDelta("x", count))
        assert not stopped
        turn.put(AnswerDelta("x", MOST_UNREAD))
        return len(stopped)

    assert asyncio.run(put()) == 1


@pytest.mark.slow
def test_a_client_that_sends_slowly_is_dropped(server: RunningServer) -> None:
    began = time.monotonic()
    with raw(server) as connection, suppress(ConnectionError):
        connection.settimeout(0.1)
        while time.monotonic() - began < HEADER_SECONDS * 3:
            connection.sendall(b"G")
            with suppress(TimeoutError):
                if not connection.recv(1):
                    break
    assert HEADER_SECONDS - 1 < time.monotonic() - began < HEADER_SECONDS * 3
    assert alive(server)


def test_requests_beyond_the_queue_are_refused(server: RunningServer) -> None:
    """300 clients ask at once; 4 are answered at a time and 256 may wait. Then they leave."""
    found: list[int] = []
    data = request(body(model="talker", max_tokens=8000, stream=True))
    connections = [raw(server) for _ in range(300)]
    try:
        for connection in connections:
            connection.sendall(data)
        wait_for(lambda: server.metric("requests_waiting") >= 256, "a full queue")
        with httpx2.Client(base_url=server.address, trust_env=False) as client:
            for _ in range(20):
                response = client.post(COMPLETIONS, json=body())
                found.append(response.status_code)
                if response.status_code == 503:
                    assert int(response.headers["retry-after"]) >= 1
                    assert response.json()["error"]["type"] == "unavailable_error"
                    break
    finally:
        for connection in connections:
            connection.close()
    assert 503 in found
    server.wait_until_idle()
    assert alive(server)


def test_many_threads_ask_while_others_leave(server: RunningServer) -> None:
    failures: list[str] = []

    def work(number: int) -> None:
        with httpx2.Client(base_url=server.address, timeout=PATIENCE, trust_env=False) as client:
            for place in range(4):
                fields = body(f"{number} {place}", stream=True, model="talker", max_tokens=50)
                with client.stream("POST", COMPLETIONS, json=fields) as response:
                    if (number + place) % 3 == 0:
                        continue  # it leaves after the head
                    if "[DONE]" not in response.read().decode():
                        failures.append(f"{number} {place}")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert not failures
    server.wait_until_idle()
