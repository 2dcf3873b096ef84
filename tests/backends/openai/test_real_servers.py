"""Real servers with a model that talks for long: the answer requested early, stops; llama_cpp.server as it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from mull.backends.base import TurnRequest
from mull.backends.openai import exact
from mull.backends.openai.backend import OpenAIBackend
from mull.control import TurnControl
from mull.endpoints.errors import ServerError
from mull.events import AnswerDelta, Done, Event, ThinkingDelta
from mull.messages import Message
from mull.settings import ReasoningAsk, Sampling, TurnSettings
from mull.structured.reading import read_answer_format
from tests.backends import servers
from tests.backends.test_contract import Source, acting, run_many
from tests.streams import check_stream
from tests.waiting import wait_for

GREEDY = Sampling(temperature=0.0)
URLS: dict[str, Callable[[str], str]] = {"llama-server": servers.llama_server_url, "mull": servers.mull_url}


@pytest.fixture(params=URLS)
def talker(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, checked_state: Path
) -> Iterator[OpenAIBackend]:
    """Thinks for `TALK` tokens, then answers with as many."""
    monkeypatch.setenv("MULL_STATE_DIR", str(checked_state))
    with closing(servers.backend(URLS[request.param]("talker"))) as made:
        list(made.load(TurnControl()))
        yield made


def ask(backend: OpenAIBackend, control: TurnControl, **settings: object) -> Iterator[Event]:
    asked = TurnSettings(ReasoningAsk(on=True), GREEDY, **settings)  # type: ignore[arg-type]
    return backend.stream([Message("user", "Talk.")], asked, control)


def idle(backend: OpenAIBackend) -> bool:
    """No request runs."""
    if backend.remote().kind == "mull":
        with backend.client.request("GET", "/metrics") as response:
            return any(
                line.split()[-1:] == [b"0"]
                for line in response.lines()
                if b"requests_processing " in line or b"running" in line
            )
    slots = backend.client.get_json("/slots")
    return not any(slot["is_processing"] for slot in slots)


def test_the_answer_can_be_requested_while_it_thinks(talker: OpenAIBackend) -> None:
    control = TurnControl()
    done = check_stream(acting(ask(talker, control), ThinkingDelta, control.answer_now))
    assert 0 < len(done.thinking.split()) < servers.TALK
    assert done.answer
    assert done.finish in ("stop", "length")


@pytest.mark.parametrize("at", [ThinkingDelta, AnswerDelta])
def test_a_stop_ends_the_servers_work(talker: OpenAIBackend, at: type) -> None:
    control = TurnControl()
    done = check_stream(acting(ask(talker, control), at, control.stop))
    assert (done.finish, done.exit_code) == ("interrupted", 130)
    assert len(done.answer.split()) < servers.TALK
    wait_for(partial(idle, talker), "the server to be idle")
    assert check_stream(ask(talker, TurnControl(), max_tokens=5)).thinking


def test_a_stop_that_the_server_does_not_report_in_time_has_the_times_of_here(
    talker: OpenAIBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    if talker.remote().kind != "mull":
        pytest.skip("it is not mull")
    monkeypatch.setattr(exact, "GRACE_SECONDS", 0.0)
    control = TurnControl()
    shown: list[Event] = []
    for event in ask(talker, control):
        shown.append(event)
        if sum(isinstance(one, AnswerDelta) for one in shown) == 5:
            control.stop()
    done = check_stream(shown)
    assert (done.finish, done.usage.thinking > 0, done.usage.answer > 0) == ("interrupted", True, True)
    timing = done.timing
    assert min(timing.first_token, timing.thinking, timing.answer, timing.tokens_per_second) > 0


def test_a_mull_of_another_version_speaks_the_plain_dialect(talker: OpenAIBackend) -> None:
    found = talker.remote()
    if found.kind != "mull":
        pytest.skip("it is not mull")
    talker._remote = replace(found, facts=replace(found.facts, extended=False))
    done = check_stream(ask(talker, TurnControl(), max_tokens=servers.TALK + 50))
    assert (len(done.thinking.split()), done.finish, done.limit) == (servers.TALK, "length", "max_tokens")
    assert done.answer.startswith("word0 ")
    assert done.reasoning.applied == "on"
    control = TurnControl()
    done = check_stream(acting(ask(talker, control), ThinkingDelta, control.answer_now))
    assert len(done.thinking.split()) < servers.TALK


def test_one_of_many_turns_is_stopped(talker: OpenAIBackend) -> None:
    own = [TurnControl() for _ in range(2)]
    asked = TurnSettings(ReasoningAsk(on=True), GREEDY)
    requests = [TurnRequest(key, [Message("user", f"Talk {key}.")], asked, own[key]) for key in range(2)]
    ends = {}
    for item in talker.stream_many(Source(*requests), TurnControl()):
        if item is not None and item[0] == 1 and isinstance(item[1], ThinkingDelta):
            own[1].stop()
        if item is not None and isinstance(item[1], Done):
            ends[item[0]] = item[1]
    assert (ends[1].finish, ends[0].finish) == ("interrupted", "stop")
    assert len(ends[0].answer.split()) == servers.TALK


def test_prompts_are_counted_as_the_server_counts_them(talker: OpenAIBackend) -> None:
    messages, settings = (
        [Message("user", "Talk about it.")],
        TurnSettings(ReasoningAsk(on=True), GREEDY, max_tokens=3),
    )
    count = talker.count_tokens(messages, settings)
    assert count.exact
    assert check_stream(talker.stream(messages, settings, TurnControl())).usage.prompt == count.value


@pytest.mark.slow
def test_llama_cpp_server_answers_and_fails_as_recorded() -> None:
    backend = servers.backend(servers.llama_cpp_server_url())
    list(backend.load(TurnControl()))
    assert backend.remote().kind == "llama_cpp.server"
    messages = [Message("user", "Hi")]
    done = check_stream(backend.stream(messages, TurnSettings(sampling=GREEDY), TurnControl()))
    assert (done.thinking, done.answer, done.finish) == ("Let me see.", "Forty-two.", "stop")
    assert done.reasoning.applied == "default"
    off = TurnSettings(ReasoningAsk(on=False), GREEDY)
    done = check_stream(backend.stream(messages, off, TurnControl()))
    assert "no way to switch thinking off" in str(done.reasoning.notice)
    assert done.answer == "Forty-two."
    wanted = TurnSettings(
        ReasoningAsk(on=False), GREEDY, answer_format=read_answer_format(schema='{"const": 7}')
    )
    assert check_stream(backend.stream(messages, wanted, TurnControl())).answer.strip() == "7"
    with pytest.raises(ServerError, match=r"empty answer|failed"):
        list(backend.stream([Message("user", "long " * 2000)], off, TurnControl()))
    found = run_many(backend, Source(*(TurnRequest(key, messages, off) for key in range(3))))
    assert all(
        isinstance(events[-1], Done) and events[-1].answer == "Forty-two." for events in found.values()
    )
