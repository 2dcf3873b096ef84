"""Batch, eval and bench on an endpoint: many requests at a time, failures that pass, figures of the client."""

from __future__ import annotations

import json
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Run
from tests.endpoints.dialects import Answer, Dialect, read_dialect
from tests.endpoints.scripted_server import End, Reply, Request, Server, as_json
from tests.measured import run_measured


def lines(count: int) -> bytes:
    return b"".join(b'"question %d"\n' % number for number in range(count))


def results(out: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


@pytest.fixture
def model(server: Server) -> str:
    return f"thinker@{server.url}/v1"


# mull batch


def test_64_requests_are_in_flight_at_a_time(mull: Run, server: Server, dialect: Dialect, model: str) -> None:
    """Each waits until all of them have come: one after the other they would wait for ever."""
    gate = threading.Event()

    def together(request: Request) -> Reply:
        if len(server.sent_to(dialect.chat)) >= 64:
            gate.set()
        reply = dialect.respond(request)
        return replace(reply, steps=[gate, *reply.steps])

    server.on("POST", dialect.chat, together)
    done = mull("batch", "-m", model, "--parallel", "64", stdin=lines(128))
    assert done.returncode == 0, done.stderr
    assert [one["line"] for one in results(done.stdout)] == list(range(1, 129))
    assert {one["answer"] for one in results(done.stdout)} == {"Forty-two."}
    assert server.most_running == 64


def test_requests_overlap_while_tokens_come(mull: Run, server: Server, dialect: Dialect, model: str) -> None:
    """64 answers of 100 tokens at 10 ms each last a minute one by one."""
    slow = replace(dialect, answer=Answer(thinking="so " * 50, answer="and " * 50, pace=0.01))
    slow.play_on(server)
    done = mull("batch", "-m", model, "--parallel", "64", "-q", stdin=lines(64))
    assert done.returncode == 0
    assert {one["finish"] for one in results(done.stdout)} == {"stop"}
    assert server.most_running >= 16  # of 64, on a busy machine


def test_failures_that_pass_cost_no_line(mull: Run, server: Server, dialect: Dialect, model: str) -> None:
    first, answer = dialect.chunks([], ["Half"])[:2]
    server.once(
        "POST",
        dialect.chat,
        as_json({"error": {"message": "Loading model"}}, 503),
        as_json({"error": {"message": "Too many"}}, 429, {"Retry-After": "1"}),
        Reply([End.CUT], raw=True),
        Reply([first, answer, End.RESET]),
        Reply([first, answer]),
        Reply([b"Bad gateway"], 502, kind="text/html", framing="length"),
        Reply([b"Timeout"], 504, kind="text/html", framing="length"),
    )
    done = mull("batch", "-m", model, "--parallel", "3", stdin=lines(9))
    assert done.returncode == 0, done.stderr
    assert [(one["line"], one["answer"]) for one in results(done.stdout)] == [
        (number, "Forty-two.") for number in range(1, 10)
    ]
    assert len(server.sent_to(dialect.chat)) == 16


def test_a_server_that_names_a_time_is_asked_nothing_before_it(
    mull: Run, server: Server, dialect: Dialect, model: str
) -> None:
    refused: list[float] = []
    asked: list[float] = []

    def respond(request: Request) -> Reply:
        asked.append(time.monotonic())
        if len(asked) == 3:
            refused.append(asked[-1])
            return as_json({"error": {"message": "Too many"}}, 429, {"Retry-After": "2"})
        return dialect.respond(request)

    server.on("POST", dialect.chat, respond)
    done = mull("batch", "-m", model, "--parallel", "1", stdin=lines(6))
    assert done.returncode == 0, done.stderr
    assert len(asked) == 7
    assert asked[3] - refused[0] >= 2


def test_what_does_not_pass_is_the_result_of_its_line_and_asked_again_by_the_next_run(
    mull: Run, server: Server, dialect: Dialect, model: str, tmp_path: Path
) -> None:
    first, answer = dialect.chunks([], ["Half"])[:2]
    questions, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    questions.write_bytes(lines(5))
    refusal = as_json({"error": {"message": "Not that."}}, 400)
    garbage = Reply([first, answer, b"data: nonsense\n\n"])
    server.once("POST", dialect.chat, refusal, garbage)
    done = mull("batch", questions, "-m", model, "--parallel", "1", "-o", out)
    found = results(out.read_bytes())
    assert done.returncode == 1
    assert [one["answer"] for one in found] == [None, None, "Forty-two.", "Forty-two.", "Forty-two."]
    assert [one["error"]["code"] for one in found[:2]] == ["endpoint_refused", "endpoint_answer"]
    assert mull("batch", questions, "-m", model, "-o", out).returncode == 0
    assert len(server.sent_to(dialect.chat)) == 7
    assert sorted(one["line"] for one in results(out.read_bytes())) == [1, 2, 3, 4, 5]
    assert all(one["answer"] == "Forty-two." for one in results(out.read_bytes()))


# mull eval


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    path = tmp_path / "questions.jsonl"
    path.write_text('{"prompt": "How much?", "answer": 42}\n' * 3)
    return path


@pytest.mark.parametrize("name", ["llama_server", "vllm", "ollama", "openrouter"])
def test_eval_compares_the_modes_of_a_server(
    mull: Run, server: Server, model: str, questions: Path, name: str
) -> None:
    read_dialect(name, answer=Answer(answer="Forty-three.")).play_on(server)
    done = mull("eval", questions, "-m", model, "--json")
    found = json.loads(done.stdout)
    off, on = found["runs"]
    assert (done.returncode, found["finish"], found["error"]) == (0, "stop", None)
    assert (off["asked"], off["applied"], off["right"], off["tokens"]["thinking"]) == ("off", "off", 3, 0)
    assert (on["asked"], on["applied"], on["right"]) == ("on", "on", 0)
    assert on["tokens"]["thinking"] > 0


@pytest.mark.parametrize("name", ["lm_studio", "llama_cpp_server"])
def test_eval_says_where_a_server_has_no_switch(
    mull: Run, server: Server, model: str, questions: Path, name: str
) -> None:
    """The server thinks in every mode; no row may pretend otherwise."""
    read_dialect(name).play_on(server)
    done = mull("eval", questions, "-m", model, "--json")
    off = json.loads(done.stdout)["runs"][0]
    assert off["asked"] == "off"
    assert off["applied"] not in {"off", "none"}
    assert off["notice"]
    assert off["tokens"]["thinking"] > 0


def test_eval_of_a_server_that_ignores_its_switch_shows_that(
    mull: Run, server: Server, model: str, questions: Path
) -> None:
    stubborn = read_dialect("vllm", answer=Answer(plain=""))
    replace(stubborn, script={**stubborn.script, "off": []}).play_on(server)
    done = mull("eval", questions, "-m", model, "--modes", "off", "--json")
    (off,) = json.loads(done.stdout)["runs"]
    assert "although thinking was off" in off["notice"]
    assert off["tokens"]["thinking"] > 0


def test_eval_of_a_server_that_fails_is_a_failure(
    mull: Run, server: Server, dialect: Dialect, model: str, questions: Path
) -> None:
    server.on("POST", dialect.chat, as_json({"error": {"message": "Not that."}}, 400))
    done = mull("eval", questions, "-m", model)
    assert done.returncode == 1
    assert b"3 of 3 got no answer" in done.stderr
    assert b"no thinking mode" not in done.stderr


# mull bench

QUICK = ("--prompt", "64", "--tokens", "20", "--depth", "0", "--rounds", "2")
PACE = 0.01


def test_bench_measures_what_a_client_gets(mull: Run, server: Server, dialect: Dialect, model: str) -> None:
    replace(dialect, answer=Answer("so " * 10, "and " * 50, pace=PACE), context=4096).play_on(server)
    done = mull("bench", "-m", model, *QUICK, "--parallel", "4", "--json")
    found = json.loads(done.stdout)
    (run,) = found["runs"]
    assert (done.returncode, found["finish"], found["error"]) == (0, "stop", None)
    figures = {figure["test"]: figure for figure in run["figures"]}
    assert list(figures) == ["first token", "pp64", "tg20", "first token x4", "tg20 x4"]
    assert figures["first token"]["median"] >= PACE
    assert figures["tg20"]["median"] > 0  # a client that was held up reads several at once
    assert 0 < figures["tg20 x4"]["median"] <= 4 / PACE  # from the start to the end, so no faster than sent
    assert server.most_running == 4


def test_bench_says_what_failed_and_shows_what_it_has(
    mull: Run, server: Server, dialect: Dialect, model: str
) -> None:
    server.once("POST", dialect.chat, dialect.respond, dialect.respond)  # the warm-up, and a first sample
    server.on("POST", dialect.chat, as_json({"error": {"message": "Loading"}}, 503))
    done = mull("bench", "-m", model, *QUICK)
    assert done.returncode == 1
    assert [line.split("\t")[0] for line in done.stdout.decode().splitlines()] == ["load", "first token"]
    assert b"Loading" in done.stderr


# Figures


@pytest.mark.skipif(sys.platform == "win32", reason="no wait4")
def test_the_client_takes_little_memory_and_time(
    home: dict[str, str], server: Server, dialect: Dialect, model: str
) -> None:
    """At most 60 MB (measured: 34), and 0.5 ms of processor time a chunk on a busy machine (28 µs on a quiet one)."""
    command = [sys.executable, "-m", "mull", "ask", "-m", model, "--no-save", "--no-loop-guard", "Hi"]
    used = {}
    for count in (10, 5_010):
        chunks = dialect.chunks([], [f"word{number} " for number in range(count)])
        server.on("POST", dialect.chat, Reply([b"".join(chunks)]))
        used[count] = run_measured(command, home)
        assert used[count].returncode == 0
    assert used[10].memory <= 60
    assert used[5_010].memory <= 60
    assert (used[5_010].cpu - used[10].cpu) / 5_000 <= 0.5e-3
