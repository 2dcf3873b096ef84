"""What `mull endpoints` finds out about servers, and how long it waits for them."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from mull.control import TurnControl
from mull.endpoints import known_models
from mull.endpoints.endpoint import Endpoint
from mull.endpoints.probe import probe
from mull.errors import Interrupted
from tests.endpoints.dialects import NAMES, read_dialect
from tests.endpoints.scripted_server import End, Reply, as_json, serve

KINDS = {
    "llama_cpp_server": "llama_cpp.server",
    "llama_server": "llama-server",
    "lm_studio": "LM Studio",
    "ollama": "Ollama",
    "ollama_v1": "Ollama",
    "openrouter": "OpenRouter",
    "other": "other",
    "vllm": "vLLM",
}


@pytest.mark.parametrize("name", NAMES)
def test_every_server_is_recognized(name: str) -> None:
    with serve() as server:
        read_dialect(name).play_on(server)
        (report,) = probe([Endpoint(name, f"{server.url}/v1")])
    assert report.error is None
    assert report.server is not None
    assert (report.server.kind, report.models) == (KINDS[name], ("thinker",))


def test_many_are_asked_at_once_and_none_is_waited_for_longer() -> None:
    with serve() as quick, serve() as silent:
        read_dialect("vllm").play_on(quick)
        silent.on("GET", "/v1/models", Reply([End.HOLD], framing="close"))
        began = time.monotonic()
        reports = probe(
            [
                Endpoint("silent", f"{silent.url}/v1"),
                Endpoint("quick", f"{quick.url}/v1"),
                Endpoint("also", f"{silent.url}/v1"),
                Endpoint("nobody", "http://127.0.0.1:9/v1"),
            ],
            seconds=0.5,
        )
        assert 0.5 <= time.monotonic() - began < 5
        assert all(request.left.wait(20) for request in silent.requests)  # they are given up
    assert [report.endpoint.name for report in reports] == ["silent", "quick", "also", "nobody"]
    codes = [report.error.code if report.error else None for report in reports]
    assert codes == ["connection_timeout", None, "connection_timeout", "connection_failed"]


def test_a_stop_ends_the_wait() -> None:
    control = TurnControl()
    with serve() as silent:
        silent.on("GET", "/v1/models", lambda _: control.stop() or Reply([End.HOLD], framing="close"))
        began = time.monotonic()
        with pytest.raises(Interrupted):
            probe([Endpoint("silent", f"{silent.url}/v1")], control, seconds=60)
        assert time.monotonic() - began < 20


def test_a_key_is_sent_and_a_missing_one_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THE_KEY", "sk-right")
    monkeypatch.setenv("WRONG_KEY", "sk-wrong")
    monkeypatch.delenv("NO_KEY", raising=False)
    with serve() as server:
        read_dialect("vllm", key="sk-right").play_on(server)
        variables = ("THE_KEY", "WRONG_KEY", "NO_KEY", None)
        reports = probe([Endpoint(str(name), f"{server.url}/v1", key_env=name) for name in variables])
    assert [report.server is not None for report in reports] == [True, False, False, False]
    assert {report.error.code for report in reports if report.error} == {"endpoint_key"}
    assert not any("sk-" in f"{report.error}{report.error.hint}" for report in reports if report.error)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        "null",
        '{"data": 7}',
        '{"data": [7, {"id": 5}, {"id": ""}]}',
        "[" * 100_000,
        "\x00",
        "<html>",
    ],
)
def test_a_hostile_list_of_models_is_an_empty_one(body: str) -> None:
    with serve() as server:
        server.on("GET", "/v1/models", as_json(body))
        (report,) = probe([Endpoint("evil", f"{server.url}/v1")])
    assert report.models == ()


def test_models_are_remembered_for_a_while(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MULL_CACHE_DIR", str(tmp_path))
    now = time.time()
    monkeypatch.setattr(known_models.time, "time", lambda: now)
    with serve() as server:
        read_dialect("vllm").play_on(server)
        endpoint = Endpoint("office", f"{server.url}/v1")
        assert known_models.known_models([endpoint], wait=0) == {"office": ()}
        assert not server.requests
        assert known_models.known_models([endpoint], wait=20) == {"office": ("thinker",)}
        assert list(known_models.known_models([endpoint])["office"]) == ["thinker"]
        assert len(server.requests) == 1
        now += known_models.FRESH_SECONDS
        server.on("GET", "/v1/models", as_json({}, 503))
        assert list(known_models.known_models([endpoint], wait=20)["office"]) == ["thinker"]  # as before
        asked = len(server.requests)
        known_models.known_models([endpoint])
        assert len(server.requests) == asked  # not again at once
        now += known_models.AWAY_SECONDS
        known_models.known_models([endpoint], wait=20)
        assert len(server.requests) > asked
