"""The contract of `ChatBackend`, the same for every implementation.

To test another backend, write a maker (a function from a folder to a backend whose model follows the script below) and
add it to MAKERS. The model thinks "Let me see." and answers "Forty-two."; without thinking it answers "Just 42!".
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from mull.backends.base import Capabilities, ChatBackend, TurnRequest, check_supported
from mull.backends.open import open_backend
from mull.backends.rpc.backend import RpcBackend
from mull.control import TurnControl
from mull.errors import ContextOverflow, Interrupted, MullError, UsageError
from mull.events import AnswerDelta, Done, Event, Loading, Notice, ThinkingDelta, Waiting
from mull.keep_alive import record, stopping
from mull.keep_alive.backend import KeptBackend
from mull.keep_alive.spec import ServerSpec
from mull.messages import Message
from mull.models.resolve import find
from mull.settings import EngineSettings, ParallelSettings, ReasoningAsk, Sampling, TurnSettings
from mull.structured.reading import from_gbnf, read_answer_format
from tests.backends import servers
from tests.chat.fakes import FakeBackend
from tests.cli.conftest import CHATML
from tests.model_files.scripted import write_scripted
from tests.rpc.test_worker import needs_rpc
from tests.rpc.workers import shared_worker
from tests.streams import check_stream

CONTEXT = 512
THINKING, ANSWER, PLAIN = "\nLet me see.\n", "Forty-two.", "Just 42!"


def fake(_folder: Path) -> ChatBackend:
    class Fake(FakeBackend):
        def stream(
            self, messages: list[Message], settings: TurnSettings, control: TurnControl
        ) -> Iterator[Event]:
            thinks = settings.reasoning.on is not False
            self.script = [f"{THINKING}|{ANSWER}" if thinks else PLAIN]
            yield from super().stream(messages, settings, control)

    able = Capabilities(exact_token_count=True, answer_now=True, parallel=True)
    return Fake(context_tokens=CONTEXT, capabilities=able)


def thinker(path: Path) -> Path:
    return write_scripted(
        path,
        ["<think>", "\nLet me", " see.\n", "</think>", "\n\nForty", "-two", "."],
        starts={"\n\n": ["Just", " 42!"]},
        template=CHATML,
        user_defined=["<think>", "</think>"],
        n_ctx=CONTEXT,
        name="thinker",
    )


def local(folder: Path) -> ChatBackend:
    path = thinker(folder / "thinker.gguf")
    return open_backend(find(str(path)), EngineSettings(threads=1), parallel=ParallelSettings(width=3))


def kept(folder: Path) -> ChatBackend:
    """The same in a server that all tests share: the file is always the same."""
    path = folder.parent / "kept-thinker.gguf"
    if not path.exists():
        thinker(path)
    resolved = find(str(path))
    spec = ServerSpec.of(resolved, EngineSettings(threads=1), keep_alive=60)

    def in_process() -> ChatBackend:
        raise AssertionError("there is no server")

    return KeptBackend(resolved, spec, in_process)


def over_a_worker(folder: Path) -> ChatBackend:
    found, width = find(str(thinker(folder / "thinker.gguf"))), ParallelSettings(width=3)
    return RpcBackend(found, EngineSettings(threads=1), [shared_worker()], parallel=width)


MAKERS: dict[str, Callable[[Path], ChatBackend]] = {
    "fake": fake,
    "local": local,
    "kept": kept,
    "rpc": over_a_worker,
    **servers.MAKERS,
}
MARKS = {"rpc": [pytest.mark.slow, needs_rpc]}  # a process for each test


@pytest.fixture(scope="module", autouse=True)
def no_server_stays(checked_state: Path) -> Iterator[None]:
    yield
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("MULL_STATE_DIR", str(checked_state))
        for server in record.running():
            stopping.stop(server)


@pytest.fixture(params=[pytest.param(name, marks=MARKS.get(name, [])) for name in MAKERS])
def backend(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, checked_state: Path
) -> Iterator[ChatBackend]:
    """A backend that is not loaded yet."""
    monkeypatch.setenv("MULL_STATE_DIR", str(checked_state))
    with closing(MAKERS[request.param](tmp_path)) as made:
        yield made


@pytest.fixture
def loaded(backend: ChatBackend) -> ChatBackend:
    list(backend.load(TurnControl()))
    return backend


def settings(on: bool | None = None, **others: Any) -> TurnSettings:
    return TurnSettings(ReasoningAsk(on=on), Sampling(temperature=0.0), **others)


def acting(events: Iterable[Event], at: type, act: Callable[[], None]) -> Iterator[Event]:
    """The events; `act` is called at each of this type."""
    for event in events:
        if isinstance(event, at):
            act()
        yield event


def asked(text: str = "Hi") -> list[Message]:
    return [Message("user", text)]


class Source:
    """A fixed list of turns. With `pauses`, it has none ready at every other call."""

    def __init__(self, *requests: TurnRequest, pauses: bool = False) -> None:
        self._requests = list(requests)
        self._pauses = pauses
        self._calls = 0

    @property
    def ended(self) -> bool:
        return not self._requests

    def take(self, *, wait: bool) -> TurnRequest | None:  # noqa: ARG002 - the protocol's signature
        self._calls += 1
        if self.ended or (self._pauses and self._calls % 2):
            return None
        return self._requests.pop(0)


def skip_if_too_fast(backend: ChatBackend) -> None:
    """A server's model has ended before anything can be said to it; tests of servers have slower ones."""
    if backend.location.startswith("http") or isinstance(backend, KeptBackend | RpcBackend):
        pytest.skip("a server is ahead of its client")


def run_many(
    backend: ChatBackend, source: Source, control: TurnControl | None = None
) -> dict[int, list[Event | MullError]]:
    found: dict[int, list[Event | MullError]] = {}
    for item in backend.stream_many(source, control or TurnControl()):
        if item is not None:
            found.setdefault(item[0], []).append(item[1])
    return found


def test_loading_reports_progress_and_ends_ready(backend: ChatBackend) -> None:
    assert not backend.ready
    events = list(backend.load(TurnControl()))
    assert all(isinstance(event, Loading | Waiting | Notice) for event in events)
    assert all(0 <= event.fraction <= 1 for event in events if isinstance(event, Loading))
    assert (backend.ready, backend.progress) == (True, None)
    assert list(backend.load(TurnControl())) == []


def test_a_stop_while_loading_raises_interrupted(backend: ChatBackend) -> None:
    control = TurnControl()
    control.stop()
    with suppress(Interrupted):
        list(backend.load(control))
        assert backend.ready  # loaded before the stop was noticed


def test_a_background_load_is_waited_for(backend: ChatBackend) -> None:
    backend.start()
    list(backend.load(TurnControl()))
    assert backend.ready


def test_after_close_it_loads_again(loaded: ChatBackend) -> None:
    loaded.close()
    assert not loaded.ready
    list(loaded.load(TurnControl()))
    assert check_stream(loaded.stream(asked(), settings(), TurnControl())).answer == ANSWER


def test_it_names_itself(loaded: ChatBackend) -> None:
    assert loaded.name
    assert loaded.reference
    assert loaded.location
    assert loaded.context_tokens in {None, CONTEXT}


def test_it_knows_what_it_is_before_it_is_loaded(backend: ChatBackend) -> None:
    before = (backend.name, backend.reference, backend.location, backend.capabilities)
    list(backend.load(TurnControl()))
    assert before == (backend.name, backend.reference, backend.location, backend.capabilities)


def test_a_turn_streams_thinking_then_the_answer(loaded: ChatBackend) -> None:
    done = check_stream(loaded.stream(asked(), settings(), TurnControl()))
    assert (done.thinking.split(), done.answer, done.finish) == (THINKING.split(), ANSWER, "stop")
    assert (done.model, done.error, done.exit_code) == (loaded.name, None, 0)
    assert done.usage.thinking > 0
    assert done.usage.answer > 0


def test_thinking_can_be_switched_off(loaded: ChatBackend) -> None:
    done = check_stream(loaded.stream(asked(), settings(on=False), TurnControl()))
    assert (done.thinking, done.answer) == ("", PLAIN)
    assert (done.reasoning.asked, done.reasoning.applied) == ("off", "off")


def test_a_stop_ends_the_turn_with_what_was_said(loaded: ChatBackend) -> None:
    control = TurnControl()
    events = loaded.stream(asked(), settings(on=False), control)
    done = check_stream(acting(events, AnswerDelta, control.stop))
    assert done.finish == "interrupted"
    assert done.answer
    assert PLAIN.startswith(done.answer)


def test_a_stop_ends_the_thinking_too(loaded: ChatBackend) -> None:
    control = TurnControl()
    events = loaded.stream(asked(), settings(), control)
    done = check_stream(acting(events, ThinkingDelta, control.stop))
    assert (done.finish, done.answer) == ("interrupted", "")
    assert done.exit_code == 130


def test_max_tokens_limits_the_answer(loaded: ChatBackend) -> None:
    done = check_stream(loaded.stream(asked(), settings(on=False, max_tokens=1), TurnControl()))
    assert (done.finish, done.limit, done.usage.answer) == ("length", "max_tokens", 1)
    assert PLAIN.startswith(done.answer)
    assert done.answer != PLAIN


def test_an_answer_that_was_begun_is_continued(loaded: ChatBackend) -> None:
    begun = [*asked(), Message("assistant", "Well:\n\n")]
    wanted = settings(on=False, continue_answer=True)
    if not loaded.capabilities.continues:
        with pytest.raises(UsageError, match="cannot continue an answer"):
            check_supported(loaded, wanted)
        return
    done = check_stream(loaded.stream(begun, wanted, TurnControl()))
    assert (done.answer, done.begun, done.thinking) == (f"Well:\n\n{PLAIN}", (0, 7), "")


def test_max_tokens_counts_the_thinking_too(loaded: ChatBackend) -> None:
    done = check_stream(loaded.stream(asked(), settings(max_tokens=1), TurnControl()))
    assert (done.finish, done.limit, done.answer) == ("thinking", "max_tokens", "")
    assert done.usage.thinking + done.usage.answer <= 1


@pytest.mark.parametrize("stop", ["42!", "42", "2"])
def test_nothing_is_shown_from_a_stop_string_on(loaded: ChatBackend, stop: str) -> None:
    done = check_stream(loaded.stream(asked(), settings(on=False, stop=("never", stop)), TurnControl()))
    assert (done.answer, done.finish, done.limit) == (PLAIN[: PLAIN.index(stop)], "stop", None)


def test_a_stop_string_does_not_end_the_thinking(loaded: ChatBackend) -> None:
    done = check_stream(loaded.stream(asked(), settings(stop=("me",)), TurnControl()))
    assert (done.thinking.split(), done.answer) == (THINKING.split(), ANSWER)


def test_a_thinking_budget_is_kept_or_a_notice_says_why_not(loaded: ChatBackend) -> None:
    wanted = TurnSettings(ReasoningAsk(on=True, budget=1), Sampling(temperature=0.0))
    done = check_stream(loaded.stream(asked(), wanted, TurnControl()))
    assert done.usage.thinking <= 1 or done.reasoning.notice
    assert done.answer


@pytest.mark.parametrize(
    "ask", [ReasoningAsk(), ReasoningAsk(on=False), ReasoningAsk(on=True, effort="high", budget=1)]
)
def test_what_its_report_notices_is_an_event_too(loaded: ChatBackend, ask: ReasoningAsk) -> None:
    events = list(loaded.stream(asked(), TurnSettings(ask, Sampling(temperature=0.0)), TurnControl()))
    notice = check_stream(events).reasoning.notice
    assert notice is None or notice in [event.text for event in events if isinstance(event, Notice)]
    assert check_stream(events).reasoning.asked == ask.asked


# What it declares.


def test_answer_now_ends_the_thinking(loaded: ChatBackend) -> None:
    if not loaded.capabilities.answer_now:
        pytest.skip("not declared")
    skip_if_too_fast(loaded)
    control = TurnControl()
    events = loaded.stream(asked(), settings(), control)
    done = check_stream(acting(events, ThinkingDelta, control.answer_now))
    assert "see." not in done.thinking  # the last word of it
    assert (done.finish, bool(done.answer)) == ("stop", True)


def test_a_grammar_constrains_the_answer(loaded: ChatBackend) -> None:
    if not loaded.capabilities.grammar:
        pytest.skip("not declared")
    wanted = settings(on=False, answer_format=from_gbnf('root ::= "Just"'))
    assert check_stream(loaded.stream(asked(), wanted, TurnControl())).answer == "Just"


def test_a_schema_constrains_the_answer(loaded: ChatBackend) -> None:
    if not loaded.capabilities.json_schema:
        pytest.skip("not declared")
    schema = '{"const": 7}'
    wanted = settings(on=False, answer_format=read_answer_format(schema=schema))
    assert json.loads(check_stream(loaded.stream(asked(), wanted, TurnControl())).answer) == 7


def test_log_probabilities_belong_to_the_answers_tokens(loaded: ChatBackend) -> None:
    if not loaded.capabilities.logprobs:
        pytest.skip("not declared")
    done = check_stream(loaded.stream(asked(), settings(on=False, logprobs=2), TurnControl()))
    assert done.logprobs is not None
    assert b"".join(one.data for one in done.logprobs).decode().startswith(done.answer)
    assert all(one.logprob <= 0 and len(one.top) == 2 for one in done.logprobs)
    assert check_stream(loaded.stream(asked(), settings(on=False), TurnControl())).logprobs is None


def test_turns_run_in_parallel(loaded: ChatBackend) -> None:
    if not loaded.capabilities.parallel:
        pytest.skip("not declared")
    source = Source(*(TurnRequest(key, asked(), settings()) for key in range(30)))
    keys = [item[0] for item in loaded.stream_many(source, TurnControl()) if item is not None]
    assert len([1 for one, other in pairwise(keys) if one != other]) > 29  # some are interleaved


# Prompts.


def test_a_prompt_that_is_too_long_is_an_error_before_the_first_token(loaded: ChatBackend) -> None:
    if loaded.context_tokens is None:
        pytest.skip("its context is unknown")
    with pytest.raises(ContextOverflow) as overflow:
        list(loaded.stream(asked("long " * 10_000), settings(), TurnControl()))
    assert overflow.value.context_tokens == CONTEXT


def test_tokens_are_counted(loaded: ChatBackend) -> None:
    one, more = (loaded.count_tokens(asked(text), settings()) for text in ("Hi", "Hi and much more of it"))
    assert 0 < one.value < more.value
    if loaded.capabilities.exact_token_count:
        assert one.exact
        done = check_stream(loaded.stream(asked(), settings(), TurnControl()))
        assert done.usage.prompt == one.value


def test_many_turns_end_once_each_whatever_happens_to_the_others(loaded: ChatBackend) -> None:
    requests = [TurnRequest(key, asked(f"question {key}"), settings(on=key % 2 == 0)) for key in range(7)]
    if loaded.context_tokens is not None:
        requests[4] = replace(requests[4], messages=asked("long " * 10_000))
    found = run_many(loaded, Source(*requests))
    assert sorted(found) == list(range(7))
    if loaded.context_tokens is not None:
        *before, error = found.pop(4)
        assert all(isinstance(event, Waiting) for event in before)
        assert isinstance(error, ContextOverflow)
    for key, events in found.items():
        assert [event for event in events if isinstance(event, MullError)] == []
        done = check_stream(event for event in events if not isinstance(event, MullError))
        assert done.answer == (ANSWER if key % 2 == 0 else PLAIN)


def test_many_turns_wait_for_a_slow_source(loaded: ChatBackend) -> None:
    source = Source(*(TurnRequest(key, asked(), settings(on=False)) for key in range(3)), pauses=True)
    items = list(loaded.stream_many(source, TurnControl()))
    assert sum(item is not None and isinstance(item[1], Done) for item in items) == 3
    assert None in items  # the caller draws and looks for signals then


def test_a_stop_ends_many_turns(loaded: ChatBackend) -> None:
    control = TurnControl()
    control.stop()
    assert run_many(loaded, Source(TurnRequest(0, asked(), settings())), control) == {}


def test_the_turns_that_a_stop_interrupts_are_dropped(loaded: ChatBackend) -> None:
    control = TurnControl()
    requests = (TurnRequest(key, asked(), settings()) for key in range(3))
    after = []
    for item in loaded.stream_many(Source(*requests), control):
        if control.stopped and item is not None:
            after.append(item[1])
        if item is not None and isinstance(item[1], ThinkingDelta):
            control.stop()
    assert control.stopped
    assert not [event for event in after if isinstance(event, Done)]


@pytest.mark.parametrize("before", [True, False])
def test_a_turns_own_control_stops_that_turn_alone(loaded: ChatBackend, *, before: bool) -> None:
    if not before:
        skip_if_too_fast(loaded)
    control = TurnControl()
    own = [TurnControl(control) for _ in range(3)]
    requests = (TurnRequest(key, asked(f"question {key}"), settings(), own[key]) for key in range(3))
    if before:
        own[1].stop()
    ends = {}
    for item in loaded.stream_many(Source(*requests), control):
        if item is not None and item[0] == 1 and isinstance(item[1], ThinkingDelta):
            own[1].stop()
        if item is not None and isinstance(item[1], Done | MullError):
            ends[item[0]] = item[1]
    stopped = ends.pop(1)
    assert isinstance(stopped, Interrupted) or (isinstance(stopped, Done) and stopped.finish == "interrupted")
    assert [isinstance(end, Done) and end.answer for end in ends.values()] == [ANSWER, ANSWER]


def test_a_turns_own_control_requests_its_answer_alone(loaded: ChatBackend) -> None:
    if not loaded.capabilities.answer_now:
        pytest.skip("not declared")
    skip_if_too_fast(loaded)
    control = TurnControl()
    own = [TurnControl(control) for _ in range(2)]
    own[0].answer_now()
    requests = (TurnRequest(key, asked(f"question {key}"), settings(), own[key]) for key in range(2))
    ends = {key: events[-1] for key, events in run_many(loaded, Source(*requests), control).items()}
    thinking = {key: end.thinking for key, end in ends.items() if isinstance(end, Done)}
    assert thinking[0].strip() != THINKING.strip() == thinking[1].strip()


def test_it_can_be_persisted_and_closed_at_any_time(backend: ChatBackend) -> None:
    backend.persist()
    with suppress(MullError):
        list(backend.load(TurnControl()))
    backend.persist()
    backend.close()
    backend.close()
