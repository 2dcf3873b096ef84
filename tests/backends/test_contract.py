"""The contract of `ChatBackend`, the same for every implementation.

To test another backend, write a maker (a function from a folder to a backend whose model follows the script below) and
add it to MAKERS. The model thinks "Let me see." and answers "Forty-two."; without thinking it answers "Just 42!".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from mull.backends.base import ChatBackend, TurnRequest
from mull.backends.open import open_backend
from mull.control import TurnControl
from mull.errors import ContextOverflow, Interrupted, MullError
from mull.events import AnswerDelta, Done, Event, Loading, Notice
from mull.messages import Message
from mull.models.resolve import find
from mull.settings import EngineSettings, ParallelSettings, ReasoningAsk, Sampling, TurnSettings
from tests.chat.fakes import FakeBackend
from tests.cli.conftest import CHATML
from tests.model_files.scripted import write_scripted
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
            return super().stream(messages, settings, control)

    return Fake(context_tokens=CONTEXT)


def local(folder: Path) -> ChatBackend:
    path = write_scripted(
        folder / "thinker.gguf",
        ["<think>", "\nLet me", " see.\n", "</think>", "\n\nForty", "-two", "."],
        starts={"\n\n": ["Just", " 42!"]},
        template=CHATML,
        user_defined=["<think>", "</think>"],
        n_ctx=CONTEXT,
        name="thinker",
    )
    return open_backend(find(str(path)), EngineSettings(threads=1), parallel=ParallelSettings(width=3))


MAKERS: dict[str, Callable[[Path], ChatBackend]] = {"fake": fake, "local": local}


@pytest.fixture(params=MAKERS)
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


def settings(on: bool | None = None, max_tokens: int | None = None) -> TurnSettings:
    return TurnSettings(ReasoningAsk(on=on), Sampling(temperature=0.0), max_tokens)


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
    assert all(isinstance(event, Loading | Notice) for event in events)
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

    def stopping() -> Iterator[Event]:
        for event in loaded.stream(asked(), settings(on=False), control):
            if isinstance(event, AnswerDelta):
                control.stop()
            yield event

    done = check_stream(stopping())
    assert done.finish == "interrupted"
    assert done.answer
    assert PLAIN.startswith(done.answer)


def test_a_prompt_that_is_too_long_is_an_error_before_the_first_token(loaded: ChatBackend) -> None:
    with pytest.raises(ContextOverflow) as overflow:
        list(loaded.stream(asked("long " * 10_000), settings(), TurnControl()))
    assert overflow.value.context_tokens == CONTEXT


def test_tokens_are_counted(loaded: ChatBackend) -> None:
    one, more = (loaded.count_tokens(asked(text), settings()) for text in ("Hi", "Hi and much more of it"))
    assert 0 < one.value < more.value
    assert one.exact
    if loaded.capabilities.exact_token_count:
        done = check_stream(loaded.stream(asked(), settings(), TurnControl()))
        assert done.usage.prompt == one.value


def test_many_turns_end_once_each_whatever_happens_to_the_others(loaded: ChatBackend) -> None:
    requests = [TurnRequest(key, asked(f"question {key}"), settings(on=key % 2 == 0)) for key in range(7)]
    requests[4] = replace(requests[4], messages=asked("long " * 10_000))
    found = run_many(loaded, Source(*requests))
    assert sorted(found) == list(range(7))
    (error,) = found.pop(4)
    assert isinstance(error, ContextOverflow)
    for key, events in found.items():
        assert [event for event in events if isinstance(event, MullError)] == []
        done = check_stream(event for event in events if not isinstance(event, MullError))
        assert done.answer == (ANSWER if key % 2 == 0 else PLAIN)


def test_many_turns_wait_for_a_slow_source(loaded: ChatBackend) -> None:
    requests = (TurnRequest(key, asked(), settings(on=False)) for key in range(3))
    found = run_many(loaded, Source(*requests, pauses=True))
    assert [isinstance(found[key][-1], Done) for key in range(3)] == [True] * 3


def test_a_stop_ends_many_turns(loaded: ChatBackend) -> None:
    control = TurnControl()
    control.stop()
    assert run_many(loaded, Source(TurnRequest(0, asked(), settings())), control) == {}


def test_it_can_be_persisted_and_closed_at_any_time(backend: ChatBackend) -> None:
    backend.persist()
    with suppress(MullError):
        list(backend.load(TurnControl()))
    backend.persist()
    backend.close()
    backend.close()
