"""What `context_full` says happens on endpoints: where the server counts tokens, and where mull estimates them."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.backends import servers
from tests.chat.conftest import chat  # noqa: F401 - a fixture
from tests.conftest import Run
from tests.endpoints.dialects import Answer, read_dialect
from tests.endpoints.scripted_server import Server, serve

LONG = " ".join(map(str, range(1, 91)))  # some 270 tokens of the context's 512
REAL = {"mull serve": servers.mull_url, "llama-server": servers.llama_server_url}
SHORT_WORDS = "a " * 200  # 200 tokens of the scripted server, estimated as 120
CHAT = "/v1/chat/completions"
no_terminal = pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")


@pytest.mark.parametrize("server", REAL)
@pytest.mark.parametrize(
    ("policy", "said"),
    [
        ("drop", "the model no longer sees the oldest turns"),
        ("summarize", "was summarized: Just 42!"),
        ("stop", "mull config set context_full drop leaves out the oldest turns"),
    ],
)
def test_the_policy_holds_where_the_server_counts(mull: Run, server: str, policy: str, said: str) -> None:
    model = f"thinker@{REAL[server]()}/v1"
    assert mull("config", "set", "context_full", policy).returncode == 0
    for number, code in ((1, 0), (2, int(policy == "stop"))):
        done = mull("-m", model, "--no-reason", "--session", "log", f"{number}: {LONG}")
        assert (done.returncode, done.stdout) == (code, b"" if code else b"Just 42!\n"), done.stderr
    assert said in done.stderr.decode()


@pytest.fixture
def office() -> Iterator[Server]:
    """A vLLM server with 512 tokens of context."""
    with serve() as server:
        read_dialect("vllm", answer=Answer("", "Forty-two.")).play_on(server)
        yield server


@pytest.mark.parametrize("known", [True, False])
def test_a_prompt_that_was_estimated_too_low_is_asked_again(
    mull: Run, office: Server, *, known: bool
) -> None:
    """In a new process each time, which has not learned yet how many tokens the server counts."""
    if not known:
        read_dialect("other", answer=Answer("", "Forty-two.")).play_on(office)
    assert mull("config", "set", "context_full", "drop").returncode == 0
    for number in (1, 2, 3):
        done = mull("-m", f"thinker@{office.url}/v1", "--session", "log", f"{number}: {SHORT_WORDS}")
        assert (done.returncode, done.stdout) == (0, b"Forty-two.\n"), done.stderr
    assert b"the model no longer sees the oldest turns" in done.stderr
    refused, asked = (one.json["messages"] for one in office.sent_to(CHAT)[-2:])
    assert [len(messages) for messages in (refused, asked)] == [5, 3]
    turns = json.loads(mull("sessions", "export", "log", "--format", "json").stdout)["turns"]
    kept = [turn["question"][:2] for turn in turns if turn["finish"] != "error"]
    assert kept == ["1:", "2:", "3:"]


def test_without_a_policy_the_refusal_is_the_error(mull: Run, office: Server) -> None:
    for number in (1, 2, 3):
        done = mull("-m", f"thinker@{office.url}/v1", "--session", "log", f"{number}: {SHORT_WORDS}")
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"the context 512." in done.stderr
    assert len(office.sent_to(CHAT)) == 3


@no_terminal
def test_a_chat_asks_what_to_do_after_a_refusal(
    chat: Callable[..., Any],  # noqa: F811 - the fixture
    mull: Run,
    office: Server,
) -> None:
    for number in (1, 2):
        mull("-m", f"thinker@{office.url}/v1", "--session", "log", f"{number}: {SHORT_WORDS}")
    with chat(None, "--session", "log", rows=40) as terminal:
        terminal.say("3: " + "a " * 150)
        terminal.shows("Leave out the oldest turns (d)")
        terminal.press("d\r")
        terminal.shows("no longer sees the oldest turns")
        terminal.count("Forty-two.", 2)
        terminal.leave()


@no_terminal
def test_a_chat_learns_what_a_server_counts(
    chat: Callable[..., Any],  # noqa: F811 - the fixture
    office: Server,
) -> None:
    with chat(None, "-m", f"thinker@{office.url}/v1", rows=40) as terminal:
        terminal.say("/set context_full stop")
        terminal.count("context_full", 2)
        for number in (1, 2):
            terminal.say(f"{number}: " + "a " * 190)
            terminal.count("Forty-two.", number)
        terminal.say("3: " + "a " * 190)
        terminal.shows("/new starts a new conversation")
        terminal.press("\x15")
        terminal.leave()
    assert len(office.sent_to(CHAT)) == 2  # the third was not sent in vain
