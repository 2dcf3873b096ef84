"""Trying workers: each that cannot be used is named with its reason, in bounded time."""

from __future__ import annotations

import os
import socket
import struct
from contextlib import closing

import pytest

from mull.backends.rpc import addresses, handshake
from mull.errors import MullError, UsageError
from tests.rpc.test_worker import needs_rpc
from tests.rpc.workers import hello, run_worker, scripted, stop


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handshake, "ANSWER_SECONDS", 0.3)


def refused() -> str:
    """An address where nothing listens."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        return f"127.0.0.1:{server.getsockname()[1]}"


def test_a_dead_worker_is_named_with_the_reason() -> None:
    address = refused()
    with pytest.raises(MullError, match="refused") as caught:
        handshake.greet_all([address])
    assert caught.value.code == "worker_unreachable"
    assert address in caught.value.message


def test_all_dead_workers_are_named() -> None:
    first, second = refused(), refused()
    with pytest.raises(MullError) as caught:
        handshake.greet_all([first, second])
    assert first in caught.value.message
    assert second in caught.value.message


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (hello(6, 0, 0), "worker_version"),
        (hello(8, 0, 0), "worker_version"),
        (hello(7, 1, 0), "worker_version"),
        (struct.pack("<QBBB", 3, 3, 5, 0), "worker_version"),  # an old worker: three bytes
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "worker_version"),
        (struct.pack("<Q", 2**63), "worker_version"),
        (b"\x1c", "worker_version"),
        (b"", "worker_version"),
    ],
)
def test_another_version_is_no_worker(answer: bytes, code: str) -> None:
    with scripted(answer) as address, pytest.raises(MullError) as caught:
        handshake.greet(address)
    assert caught.value.code == code
    assert address in caught.value.message


def test_the_version_is_told_where_the_worker_tells_it() -> None:
    with scripted(hello(3, 6, 1)) as address, pytest.raises(MullError, match=r"version 3\.6\.1"):
        handshake.greet(address)


def test_a_silent_server_is_busy_or_stopped() -> None:
    with scripted(b"", close=False) as address, pytest.raises(MullError) as caught:
        handshake.greet(address)
    assert caught.value.code == "worker_busy"


@needs_rpc
@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_a_stopped_worker_is_busy_or_stopped(home: dict[str, str]) -> None:
    with run_worker(home) as (process, address):
        stop(process)
        with pytest.raises(MullError) as caught:
            handshake.greet(address)
        assert caught.value.code == "worker_busy"


NO_WORKERS = [
    *("", ",", "a:0", "a:65536", "[::1]:50052", "::1", "a b:1", "host:", ":5", "-a:1", "a\n:1"),
    *("a:1,a:1", "A:1,a:1", ",".join(f"h{i}:1" for i in range(17))),
]


@pytest.mark.parametrize("text", NO_WORKERS)
def test_what_is_no_list_of_workers_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        addresses.workers(text)


def test_a_list_of_workers_is_parsed() -> None:
    assert addresses.workers("10.0.0.1, Desk.local:7") == ("10.0.0.1:50052", "desk.local:7")


def test_a_public_address_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        handshake.greet("8.8.8.8:50052")
    assert caught.value.code == "worker_public"
