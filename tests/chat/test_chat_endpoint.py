"""A chat with models of endpoints: the card, the bar, switching, and a server that goes away."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.endpoints.dialects import Answer, read_dialect
from tests.endpoints.scripted_server import End, Reply, Server, as_json, serve

if sys.platform == "win32":
    pytest.skip("needs a pseudo-terminal", allow_module_level=True)
from tests.chat.conftest import ChatTerminal
from tests.conftest import Run

Chat = Callable[..., "AbstractContextManager[ChatTerminal]"]


@pytest.fixture
def servers(home: dict[str, str]) -> Iterator[tuple[Server, Server]]:
    """The endpoints `office`, whose context is known, and `lab`, whose context is not."""
    with serve() as office, serve() as lab:
        read_dialect("vllm").play_on(office)
        read_dialect("other", answer=Answer(thinking="", answer="Forty-three.")).play_on(lab)
        path = Path(home["MULL_CONFIG_DIR"]) / "config.toml"
        path.write_text(
            f'threads = 1\n[endpoints.office]\nurl = "{office.url}/v1"\n[endpoints.lab]\nurl = "{lab.url}/v1"\n'
        )
        yield office, lab


def test_the_model_is_named_with_its_endpoint(chat: Chat, servers: tuple[Server, Server]) -> None:
    with chat(None, "-m", "@office", columns=100, rows=40) as terminal:
        terminal.shows("model  @office")
        terminal.shows(f"{servers[0].url}/v1")
        terminal.say("What is it?")
        terminal.shows("Forty-two.")
        terminal.shows("of 512 tokens")  # estimated, of a context that the server names
        terminal.shows("thinker@office · ")
        terminal.leave()


def test_a_chat_moves_between_endpoints(chat: Chat, servers: tuple[Server, Server]) -> None:
    _, lab = servers
    with chat(None, "-m", "thinker@office", "--ctx", "512") as terminal:
        assert terminal.exit() == 2
    with chat(None, "-m", "thinker@office", rows=60) as terminal:
        terminal.say("What is it?")
        terminal.shows("Forty-two.")
        terminal.say("/model thinker@office")
        terminal.shows("thinker@office is in use already.")
        terminal.say("/model thinker@lab")
        terminal.shows("Switched to thinker@lab.")
        terminal.say("And now?")
        terminal.shows("Forty-three.")
        lab.cut_all()
        terminal.say("/model x@http://127.0.0.1:9")
        terminal.shows("nothing listens there")
        terminal.shows("Still using thinker@lab.")
        terminal.leave()
    messages = lab.sent_to("/v1/chat/completions")[-1].json["messages"]
    assert [one["content"] for one in messages] == ["What is it?", "Forty-two.", "And now?"]
    with chat(None, "-c", rows=60) as terminal:
        terminal.shows("2 turns, thinker@lab")
        terminal.leave()


def test_the_picker_has_the_models_of_endpoints(chat: Chat, servers: tuple[Server, Server]) -> None:
    with chat(None, "-m", "@office", rows=40) as terminal:
        terminal.say("What is it?")
        terminal.shows("Forty-two.")
        terminal.say("/model")
        terminal.shows("type to filter")
        terminal.press("@lab")
        terminal.shows("thinker@lab")
        terminal.press("\r")
        terminal.shows("Switched to thinker@lab.")
        terminal.leave()


def test_a_server_that_goes_away_costs_no_question(chat: Chat, servers: tuple[Server, Server]) -> None:
    office, _ = servers
    with chat(None, "-m", "thinker@office", rows=40) as terminal:
        terminal.say("What is it?")
        terminal.shows("Forty-two.")
        office.on("POST", "/v1/chat/completions", as_json({"error": {"message": "out of memory"}}, 500))
        terminal.say("And then?")
        terminal.shows("out of memory")
        office.on("POST", "/v1/chat/completions", read_dialect("vllm").respond)
        terminal.say("/retry")
        terminal.count("Forty-two.", 2)
        terminal.leave()


def test_a_stop_while_the_server_is_silent_returns_the_question(
    chat: Chat, servers: tuple[Server, Server]
) -> None:
    office, _ = servers
    office.on("GET", "/v1/models", Reply([End.HOLD], framing="close"))
    with chat(None, "-m", "@office", rows=40) as terminal:
        terminal.say("What is it?")
        terminal.shows("Connecting to office")
        terminal.press("\x03")
        terminal.shows("it is back at the prompt.")
        terminal.count("> What is it?", 2)
        terminal.press("\x15")  # Ctrl+U clears the line
        terminal.shows("Ask a question")
        terminal.leave()


def test_what_a_turn_waits_for_is_named(chat: Chat, servers: tuple[Server, Server]) -> None:
    office, _ = servers
    listed, answered = threading.Event(), threading.Event()
    office.once(
        "GET", "/v1/models", Reply([listed, b'{"data": [{"id": "thinker"}]}'], kind="application/json")
    )
    office.once(
        "POST", "/v1/chat/completions", Reply([answered, *read_dialect("vllm").chunks(answer=["Forty."])])
    )
    with chat(None, "-m", "@office", rows=40) as terminal:
        terminal.say("What is it?")
        terminal.shows("Connecting to office")
        listed.set()
        terminal.shows("Waiting for office")
        answered.set()
        terminal.shows("Forty.")
        terminal.leave()


def test_an_endpoints_default_model_is_remembered_by_its_name(
    chat: Chat, servers: tuple[Server, Server], mull: Run
) -> None:
    office, lab = servers
    with chat(None, "-m", "@office", rows=40) as terminal:
        terminal.say("What is it?")
        terminal.shows("Forty-two.")
        terminal.say("/model x@http://127.0.0.1:9")
        terminal.shows("Still using thinker@office.")
        terminal.leave()
        assert "@office" not in terminal.text.replace("thinker@office", "").partition("Still using")[2]
    office.on("GET", "/v1/models", as_json({"data": [{"id": name} for name in ("another", "thinker")]}))
    assert mull("-c", "And now?").stdout == b"Forty-two.\n"
    assert office.sent_to("/v1/chat/completions")[-1].json["model"] == "thinker"
    assert mull("ask", "-m", "@lab", "What is it?").returncode == 0
    assert mull("-c", "And now?").returncode == 0
    assert [one.json["model"] for one in lab.sent_to("/v1/chat/completions")] == ["thinker", "thinker"]
