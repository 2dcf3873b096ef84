"""`mull ask` on an endpoint: naming it, going on with a conversation there, and what cannot be done."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Run
from tests.endpoints.dialects import read_dialect
from tests.endpoints.scripted_server import Server, serve


@pytest.fixture
def office() -> Iterator[Server]:
    with serve() as server:
        read_dialect("vllm", key="sk-office").play_on(server)
        yield server


@pytest.fixture
def file(home: dict[str, str], office: Server) -> Path:
    """The config, with the endpoint `office`."""
    path = Path(home["MULL_CONFIG_DIR"]) / "config.toml"
    path.write_text(
        f'threads = 1\nctx = 64\n[endpoints.office]\nurl = "{office.url}/v1"\nkey_env = "OFFICE_KEY"\n'
    )
    return path


@pytest.fixture
def ask(mull: Run, file: Path) -> Run:
    def run(*words: str | Path, env: dict[str, str] | None = None) -> object:
        return mull(*words, env={"OFFICE_KEY": "sk-office", **(env or {})})

    return run  # type: ignore[return-value]


def test_every_way_to_name_it(ask: Run, office: Server, file: Path) -> None:
    for words, env in (
        (["-m", "thinker@office"], {}),
        (["-m", "@office"], {}),
        (["-m", f"thinker@{office.url}"], {}),  # the same URL: the configured endpoint, with its key
        ([], {"MULL_MODEL": "thinker@office"}),
        (["--session", "new"], {"MULL_MODEL": "@office"}),
    ):
        done = ask(*words, "What is it?", env=env)
        assert (done.returncode, done.stdout) == (0, b"Forty-two.\n"), (words, done.stderr)
    file.write_text(f'model = "@office"\n{file.read_text()}')
    assert ask("What is it?").stdout == b"Forty-two.\n"
    assert {request.json["model"] for request in office.sent_to("/v1/chat/completions")} == {"thinker"}


def test_the_result_says_what_was_done_about_thinking(ask: Run) -> None:
    found = json.loads(ask("-m", "@office", "--no-reason", "--json", "What is it?").stdout)
    assert (found["answer"], found["thinking"]) == ("Just 42!", "")
    assert (found["reasoning"]["applied"], found["error"]) == ("off", None)
    assert "sk-office" not in json.dumps(found)


def test_a_session_goes_on_at_its_endpoint(ask: Run, office: Server) -> None:
    ask("-m", "thinker@office", "What is it?")
    assert ask("-c", "And now?").returncode == 0
    sent = office.sent_to("/v1/chat/completions")[-1].json["messages"]
    assert [message["content"] for message in sent] == ["What is it?", "Forty-two.", "And now?"]


def test_a_session_whose_endpoint_is_gone_says_so(ask: Run, mull: Run, file: Path) -> None:
    ask("-m", "thinker@office", "What is it?")
    file.write_text("threads = 1\n")
    done = mull("-c", "2 + 2")
    assert b'There is no endpoint called "office". pebble is used instead.' in done.stderr


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--ctx", "512"], "--ctx says"),
        (["--threads", "2", "--gpu-layers", "1"], "--threads and --gpu-layers say"),
        (["--kv-type", "q8_0", "--device", "none", "--no-draft"], "--kv-type, --device and --no-draft say"),
    ],
)
def test_flags_of_loading_are_refused_by_name(ask: Run, office: Server, words: list[str], named: str) -> None:
    done = ask("-m", "@office", *words, "What is it?")
    assert (done.returncode, done.stdout) == (2, b"")
    assert f"{named} how a model is loaded on this machine; @office is" in done.stderr.decode()
    assert not office.requests


@pytest.mark.parametrize(
    ("model", "key", "words"),
    [
        ("@office", "sk-other", "refuses the key"),
        ("@office", "", "OFFICE_KEY"),
        ("@http://127.0.0.1:9", "sk-office", "nothing listens there"),
        ("other@office", "sk-office", "mull endpoints lists what there is"),
    ],
)
def test_a_failure_speaks_of_the_endpoint(ask: Run, model: str, key: str, words: str) -> None:
    done = ask("-m", model, "What is it?", env={"OFFICE_KEY": key})
    assert (done.returncode, done.stdout) == (1, b"")
    shown = done.stderr.decode()
    assert words in shown
    assert "mull pull" not in shown
    assert "sk-o" not in shown
    found = json.loads(ask("-m", model, "--json", "What is it?", env={"OFFICE_KEY": key}).stdout)
    assert found["answer"] is None
    assert found["error"]["message"].rstrip(".") in shown
