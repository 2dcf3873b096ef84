"""The scripted server and its dialects: what is written is what arrives, byte for byte."""

from __future__ import annotations

import http.client
import json
import socket
import sys
import threading
from pathlib import Path

import pytest

from tests.endpoints.dialects import NAMES, read_dialect, words
from tests.endpoints.scripted_server import End, Reply, as_json, serve, split_at, split_every
from tests.waiting import wait_for


def ask(port: int, body: object = None, path: str = "/x", **headers: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("POST", path, json.dumps(body), headers)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def test_the_bytes_arrive_as_they_were_written_and_the_request_is_recorded() -> None:
    data = "naïve\r\n\0".encode()
    with serve() as server:
        server.on("POST", "/x", Reply(split_every(data, 1)))
        server.once("POST", "/x", Reply(split_at(data, 3), framing="close"), as_json({"a": 1}, 429))
        assert [ask(server.port, {"q": 1}, Authorization="Bearer k") for _ in range(3)] == [
            (200, data),
            (429, b'{"a": 1}'),
            (200, data),
        ]
        assert [(request.json, request.key) for request in server.requests] == [({"q": 1}, "k")] * 3


def test_a_reply_can_be_cut_and_a_raw_one_is_sent_alone() -> None:
    with serve() as server:
        server.once("POST", "/x", Reply([b"half", End.CUT]), Reply([b"HTTP/1.1 204 No\r\n\r\n"], raw=True))
        with pytest.raises(http.client.IncompleteRead):
            ask(server.port)
        assert ask(server.port) == (204, b"")


def test_a_client_that_leaves_is_noticed() -> None:
    with serve() as server:
        gate = threading.Event()
        server.on("POST", "/x", Reply([b"one", gate, End.HOLD]))
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.sendall(b"POST /x HTTP/1.1\r\nHost: x\r\n\r\n")
            gate.set()
            (request,) = server.wait_for("/x")
            assert not request.left.is_set()
        assert request.left.wait(20)
        assert not request.complete


def test_requests_in_flight_are_counted() -> None:
    with serve() as server:
        gate = threading.Event()
        server.on("POST", "/x", Reply([gate, b"done"]))
        clients = [threading.Thread(target=ask, args=(server.port,)) for _ in range(5)]
        for client in clients:
            client.start()
        wait_for(lambda: server.running == 5, "five requests")
        gate.set()
        for client in clients:
            client.join()
        wait_for(lambda: not server.running, "their ends")
        assert server.most_running == 5


@pytest.mark.skipif(sys.platform == "win32", reason="no Unix sockets")
def test_it_listens_at_a_unix_socket(tmp_path: Path) -> None:
    with serve(unix=str(tmp_path / "s")) as server, socket.socket(socket.AF_UNIX) as client:
        server.on("GET", "/x", as_json("ok"))
        client.connect(server.path)
        client.sendall(b"GET /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert client.makefile("rb").read().endswith(b"\r\n\r\nok")


@pytest.mark.parametrize("name", NAMES)
def test_each_dialect_has_the_words_of_its_answer_in_order(name: str) -> None:
    dialect = read_dialect(name, key="k")
    question = {"model": "thinker", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 3}
    with serve() as server:
        dialect.play_on(server)
        assert ask(server.port, question, dialect.chat)[0] == 401
        status, data = ask(server.port, question, dialect.chat, Authorization="Bearer k")
    text = data.decode()
    found = [json.loads(line.removeprefix("data: ")) for line in text.splitlines() if '"model":' in line]
    assert status == 200
    assert all(chunk["model"] == "thinker" for chunk in found)
    assert "length" in text
    assert ('" me"' in text) == ("thinking" in dialect.script["stream"])


@pytest.mark.parametrize("name", NAMES)
def test_each_failure_of_a_dialect_is_json(name: str) -> None:
    dialect = read_dialect(name)
    for failure in dialect.script["errors"]:
        reply = dialect.error(failure, PROMPT=900, ASKED="other")
        (body,) = (step for step in reply.steps if isinstance(step, bytes))
        assert json.loads(body)
        assert reply.status >= 400
    lines = [line.removeprefix("data: ") for line in dialect.broken().decode().splitlines()]
    assert any(
        "error" in json.loads(line) or "error" in json.loads(line).values() for line in lines if "{" in line
    )


def test_words_keep_every_character() -> None:
    text = "\nLet me  see.\n\n"
    assert "".join(words(text)) == text
    assert len(words(text)) == 3
