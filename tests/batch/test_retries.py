"""Lines whose server fails are asked again, as often and as late as is sensible, and no more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from mull.batch.lines import Line
from mull.batch.reader import LineReader
from mull.batch.retries import ATTEMPTS, LONGEST_ASKED, MOST_WAITING, PATIENCE, Retries
from mull.batch.scheduler import Scheduler
from mull.control import TurnControl
from mull.endpoints.errors import ServerError
from mull.errors import ContextOverflow, MullError
from mull.events import Done, Event
from mull.messages import Message
from mull.settings import TurnSettings
from tests.chat.fakes import FakeBackend


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def retries(clock: Clock) -> Retries:
    return Retries(clock)


LINE = Line(1, 1)


def lost() -> ServerError:
    return ServerError("connection_lost", "It closed the connection.", transient=True)


def busy(seconds: float | None = None) -> ServerError:
    return ServerError("endpoint_busy", "It is busy.", status=429, transient=True, retry_after=seconds)


def seconds_until_asked(retries: Retries, clock: Clock) -> float:
    began = clock.now
    while retries.take() is None:
        clock.now += 0.01
        assert clock.now < began + 1000
    return clock.now - began


def test_only_failures_that_may_pass_are_asked_again(retries: Retries) -> None:
    final = (MullError("broken", "It broke."), ContextOverflow(9, 5), ServerError("endpoint_key", "No."))
    assert not any(retries.put(0, LINE, error) for error in final)
    assert retries.put(0, LINE, lost())
    assert len(retries) == 1


def test_each_wait_is_about_twice_as_long_until_the_attempts_are_used_up(
    retries: Retries, clock: Clock
) -> None:
    waits = []
    while retries.put(7, LINE, lost()):
        waits.append(seconds_until_asked(retries, clock))
    assert len(waits) == ATTEMPTS
    for number, wait in enumerate(waits):
        longest = min(30, 0.5 * 2**number)
        assert longest / 2 - 0.01 <= wait <= longest + 0.02


def test_a_line_that_fails_alone_does_not_give_up_on_the_others(retries: Retries, clock: Clock) -> None:
    while retries.put(1, LINE, lost()):
        seconds_until_asked(retries, clock)
        retries.succeeded(2)
    assert retries.put(3, LINE, lost())


def test_a_server_that_names_a_time_is_asked_nothing_before(retries: Retries, clock: Clock) -> None:
    assert retries.allows_more
    assert retries.put(1, LINE, busy(20))
    assert retries.put(2, LINE, lost())
    assert not retries.allows_more
    assert seconds_until_asked(retries, clock) >= 20
    assert retries.allows_more


def test_a_busy_server_that_answers_others_is_asked_without_end(retries: Retries, clock: Clock) -> None:
    for _ in range(50):
        assert retries.put(1, LINE, busy(5))
        assert retries.put(2, LINE, busy())
        clock.now += 40
        assert retries.take()
        assert retries.take()
        retries.succeeded(3)


def test_a_wait_that_is_too_long_is_an_error(retries: Retries) -> None:
    assert not retries.put(1, LINE, busy(LONGEST_ASKED + 1))
    assert retries.allows_more


def test_a_server_that_only_ever_says_later_is_given_up(retries: Retries, clock: Clock) -> None:
    began = clock.now
    while retries.put(1, LINE, busy(10)):
        seconds_until_asked(retries, clock)
    assert LONGEST_ASKED - 20 <= clock.now - began <= LONGEST_ASKED + PATIENCE


def test_once_a_server_is_gone_failures_are_final_at_once(retries: Retries, clock: Clock) -> None:
    assert retries.put(1, LINE, lost())
    clock.now += PATIENCE + 1
    assert not retries.put(2, LINE, lost())
    retries.succeeded(3)
    assert retries.put(2, LINE, lost())


def test_while_many_wait_no_new_line_is_asked(retries: Retries, clock: Clock) -> None:
    for index in range(MOST_WAITING):
        assert retries.allows_more
        assert retries.put(index, LINE, lost())
    assert not retries.allows_more
    seconds_until_asked(retries, clock)
    assert retries.allows_more


# The scheduler


class Flaky(FakeBackend):
    """Fails before a turn's first token, within it, or not at all, as `plan` says for each try of each prompt."""

    plan: dict[str, list[str]]

    def stream(
        self, messages: list[Message], settings: TurnSettings, control: TurnControl
    ) -> Iterator[Event]:
        faults = self.plan.get(messages[-1].content, [])
        fault = faults.pop(0) if faults else ""
        if fault == "before":
            raise lost()
        self.script = ["one two"]
        for event in super().stream(messages, settings, control):
            cut = fault == "within" and isinstance(event, Done)
            yield replace(event, finish="error", error=lost()) if cut else event


def answers(backend: FakeBackend, prompts: list[str]) -> dict[str, Done | MullError]:
    lines = [Line(number, number, messages=(Message("user", text),)) for number, text in enumerate(prompts)]
    scheduler = Scheduler(
        LineReader(lines), backend, lambda line: (list(line.messages), TurnSettings()), TurnControl(), ahead=2
    )
    found = [one for one in scheduler.run() if one is not None]
    assert sorted(one.index for one in found) == list(range(len(prompts)))
    return {one.line.messages[0].content: one.result for one in found}


def test_a_line_that_failed_before_or_within_its_answer_gets_a_whole_one() -> None:
    backend = Flaky()
    backend.plan = {"b": ["before"], "c": ["within"]}
    found = answers(backend, ["a", "b", "c", "d", "e"])
    assert {text: getattr(one, "answer", one) for text, one in found.items()} == dict.fromkeys(
        "abcde", "one two"
    )
    assert len(backend.seen) == 6  # the one that failed before was not seen
