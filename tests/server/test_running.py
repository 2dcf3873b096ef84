"""A server from its start to its end: addresses, keys, signals, idle time, loads."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from mull.server import listen
from mull.settings import DEFAULT_SAMPLING
from tests.conftest import Run
from tests.server.conftest import ANSWER, COMPLETIONS, RunningServer, Start, body
from tests.waiting import PATIENCE, wait_for

UNIX = pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="no Unix sockets")


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=PATIENCE)
        self._path = str(path)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(self._path)


@contextmanager
def begun(server: RunningServer, **fields: Any) -> Iterator[http.client.HTTPResponse]:
    """A stream of which the head and one byte were read."""
    host = server.address.removeprefix("http://")
    with closing(http.client.HTTPConnection(host, timeout=PATIENCE)) as connection:
        connection.request("POST", COMPLETIONS, json.dumps(body(stream=True, **fields)))
        with connection.getresponse() as response:
            response.read(1)
            yield response


def test_the_start_line_names_the_address_and_a_command(start_server: Start, thinker: Path) -> None:
    server = start_server("-m", thinker)
    lines = server.printed.splitlines()
    assert lines[0] == f"mull serves thinker at {server.address}/v1; Ctrl+C ends it."
    answer = subprocess.run(lines[1], shell=True, capture_output=True, check=True, timeout=PATIENCE).stdout
    assert json.loads(answer)["choices"][0]["message"]["content"] == ANSWER
    assert server.end() == -signal.SIGTERM
    assert len(server.printed.splitlines()) == 2  # no log: stderr is a file


@UNIX
def test_the_config_of_a_model_and_its_aliases_hold_for_requests(
    start_server: Start, thinker: Path, tmp_path: Path
) -> None:
    """The general sampling of the config does not: a request means the same on every server."""
    (tmp_path / "config.toml").write_text(
        f'threads = 1\ntop_k = 3\n[aliases]\nquick = "{thinker}"\n[models.quick]\ntemperature = 0.25\n'
    )
    server = start_server("-m", thinker, env={"MULL_CONFIG_DIR": str(tmp_path)})
    params = server.client.get("/props?model=quick").json()["default_generation_settings"]["params"]
    assert (params["temperature"], params["top_k"]) == (0.25, DEFAULT_SAMPLING.top_k)
    answered = server.ask(model="quick")
    assert (answered.status_code, answered.json()["choices"][0]["message"]["content"]) == (200, ANSWER)
    assert server.ask(model="other").status_code == 404


def test_a_socket_that_only_its_owner_can_reach(start_server: Start, thinker: Path, tmp_path: Path) -> None:
    path = tmp_path / "s"
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(str(path))
    stale.close()
    server = start_server("-m", thinker, "--socket", path)
    assert server.printed.startswith(f"mull serves thinker at unix:{path}; ")  # as -m MODEL@unix:… takes it
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    connection = UnixConnection(path)
    connection.request("POST", COMPLETIONS, json.dumps(body()))
    assert json.load(connection.getresponse())["choices"][0]["message"]["content"] == ANSWER
    connection.close()
    second = start_server("-m", thinker, "--socket", path)
    assert second.process.wait(PATIENCE) == 1
    assert f"Another server answers on {path}" in second.printed
    assert server.end(signal.SIGINT) == -signal.SIGINT
    assert not path.exists()


@UNIX
def test_sockets_that_cannot_be_used(mull: Run, thinker: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for path, code in ((tmp_path / ("x" * 120), 2), (tmp_path / "file", 1), (tmp_path / "no" / "s", 1)):
        done = mull("serve", "-m", thinker, "--socket", path)
        assert done.returncode == code
        assert done.stderr.decode().startswith(f"Error: {path} ")
    assert (tmp_path / "file").read_text() == "x"


@pytest.mark.parametrize("other", ["--port", "--host"])
def test_a_socket_has_no_other_address(mull: Run, thinker: Path, tmp_path: Path, other: str) -> None:
    value = {"--port": "8484", "--host": "127.0.0.1"}[
        other
    ]  # also the default one: it would not be listened on
    done = mull("serve", "-m", thinker, "--socket", tmp_path / "s", other, value)
    assert done.returncode == 2
    assert done.stderr.decode().startswith(f"Error: --socket and {other} exclude each other.\n")
    assert not (tmp_path / "s").exists()


def test_addresses_that_cannot_be_used(mull: Run, thinker: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = mull("serve", "-m", thinker, "--port", port)
    assert done.returncode == 1
    assert done.stderr.decode().startswith(f"Error: Port {port} of 127.0.0.1 is in use.\n")
    for arguments in (
        ("--host", "0.0.0.0"),
        ("--host", "::"),
        ("--host", "192.0.2.1", "--api-key-env", "KEY"),
        ("--host", "no.such.host.invalid"),
        ("--api-key-env", "EMPTY"),
        ("--keep-alive", "soon"),
    ):
        done = mull("serve", "-m", thinker, *arguments, env={"KEY": "k"})
        assert done.returncode == 2
        assert b"Traceback" not in done.stderr


def test_small_writes_are_sent_at_once() -> None:
    """asyncio switches Nagle's algorithm off for a socket whose protocol is named; else each response takes 40 ms."""
    with listen.tcp("127.0.0.1", 0) as listening:
        assert listening.proto == socket.IPPROTO_TCP


def test_pebble_is_served_only_by_name(mull: Run, start_server: Start) -> None:
    done = mull("serve", "--port", "0")
    assert done.returncode == 1
    assert b"-m pebble" in done.stderr
    server = start_server("-m", "pebble")
    assert (
        server.ask("What is 2 + 2?", model="pebble")
        .json()["choices"][0]["message"]["content"]
        .startswith("4")
    )
    server.end()


def test_a_key(start_server: Start, thinker: Path) -> None:
    server = start_server("-m", thinker, "--host", "0.0.0.0", "--api-key-env", "KEY", env={"KEY": "sesame-7"})
    server.client.base_url = server.address.replace("0.0.0.0", "127.0.0.1")
    for given in (None, "Bearer wrong", "Bearer", "Basic sesame-7", "sesame-7"):
        headers = {} if given is None else {"Authorization": given}
        refused = server.client.post(COMPLETIONS, json=body(), headers=headers)
        assert refused.status_code == 401
        assert refused.json()["error"]["type"] == "authentication_error"
        assert server.client.get("/v1/models", headers=headers).status_code == 401
    assert server.client.get("/health").status_code in {200, 503}
    right = {"Authorization": "Bearer sesame-7"}
    assert server.client.post(COMPLETIONS, json=body(), headers=right).status_code == 200
    assert "sesame-7" not in server.printed
    assert '"Authorization: Bearer $KEY"' in server.printed
    server.end()


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "evil.example:8484"},
        {"Host": "127.0.0.1.evil.example"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://[broken"},
    ],
)
def test_web_pages_reach_no_local_server(server: RunningServer, headers: dict[str, str]) -> None:
    refused = server.client.post(COMPLETIONS, json=body(), headers=headers)
    assert refused.status_code == 403
    assert not [name for name in refused.headers if name.startswith("access-control")]


@pytest.mark.parametrize("host", ["localhost:1", "127.0.0.1", "[::1]:8484", "LOCALHOST"])
def test_local_names_do(server: RunningServer, host: str) -> None:
    headers = {"Host": host, "Origin": "http://localhost:3000"}
    assert server.client.get("/v1/models", headers=headers).status_code == 200


def test_a_signal_lets_answers_end_and_a_second_one_cuts_them(start_server: Start, talker: Path) -> None:
    server = start_server("-m", talker)
    with begun(server, model="talker", max_tokens=16_000) as response:
        server.process.send_signal(signal.SIGTERM)
        wait_for(lambda: "Finishing 1 answer" in server.printed, "the note")
        server.process.send_signal(signal.SIGTERM)
        data = response.read().decode()
    assert server.process.wait(PATIENCE) == -signal.SIGTERM
    last = [line for line in data.splitlines() if line.startswith("data: ")][-1]
    assert last == "data: [DONE]" or json.loads(last.removeprefix("data: "))["error"]["code"] == 503
    assert "Traceback" not in server.printed


def test_a_first_signal_waits_for_a_short_answer(start_server: Start, talker: Path) -> None:
    server = start_server("-m", talker)
    with begun(server, model="talker", max_tokens=300) as response:
        server.process.send_signal(signal.SIGINT)
        assert response.read().endswith(b"data: [DONE]\n\n")
    assert server.process.wait(PATIENCE) == -signal.SIGINT


def test_an_idle_server_leaves(start_server: Start, thinker: Path) -> None:
    server = start_server("-m", thinker, "--keep-alive", "1s")
    assert server.ask().status_code == 200
    assert server.process.wait(PATIENCE) == 0


def test_a_running_answer_is_no_idle_time(start_server: Start, talker: Path) -> None:
    server = start_server("-m", talker, "--keep-alive", "0.5s")
    answer = server.ask(model="talker", max_tokens=3000)
    assert answer.json()["usage"]["completion_tokens"] == 3000
    assert answer.elapsed.total_seconds() > 0.5
    assert server.process.wait(PATIENCE) == 0


def test_a_model_that_cannot_be_loaded_ends_its_server(start_server: Start, tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + bytes(64))
    server = start_server("-m", broken)
    assert server.process.wait(PATIENCE) == 1
    assert "Traceback" not in server.printed
    assert "Error: " in server.printed


def test_one_of_several_that_cannot_be_loaded_is_an_error_of_its_requests(
    start_server: Start, thinker: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + bytes(64))
    server = start_server("-m", thinker, "-m", broken)
    for _ in range(2):  # it is tried again
        assert server.ask(model="broken").status_code == 500
    assert server.ask().json()["choices"][0]["message"]["content"] == ANSWER
    server.end()


def test_help_and_version_load_no_server() -> None:
    code = (
        "import sys; from mull.commands import serve\n"
        "sys.exit(' '.join({'uvicorn', 'starlette'} & {*sys.modules}) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "cli")},
        capture_output=True,
        check=False,
        timeout=PATIENCE,
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_sixteen_clients_at_once(server: RunningServer) -> None:
    answers: list[str] = []

    def ask(number: int) -> None:
        for place in range(3):
            response = server.ask(f"client {number}, question {place}", seed=number)
            answers.append(response.json()["choices"][0]["message"]["content"])

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert answers == [ANSWER] * 48
    server.wait_until_idle()


def test_clients_that_leave_stop_their_turns(server: RunningServer) -> None:
    began = time.monotonic()
    for _ in range(6):  # more than run at a time: some wait in the queue
        with begun(server, model="talker", max_tokens=16_000):
            pass
    server.wait_until_idle()
    assert time.monotonic() - began < PATIENCE / 2
    assert server.ask().status_code == 200
