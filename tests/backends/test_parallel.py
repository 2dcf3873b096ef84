"""Requests in flight: really at once, each turn whole and in order, ended together by a stop, defects not lost."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from mull.backends.base import TurnRequest
from mull.backends.openai.parallel import KeyedEvent, ParallelStreams
from mull.control import TurnControl
from mull.errors import Interrupted, MullError
from mull.events import AnswerDelta, Done, Event
from mull.messages import Message
from mull.settings import TurnSettings
from tests.backends.test_contract import Source
from tests.chat.fakes import FakeBackend
from tests.streams import check_stream
from tests.waiting import PATIENCE, wait_for

TEXT = "one two three"


def requests(count: int) -> Source:
    return Source(*(TurnRequest(key, [Message("user", str(key))], TurnSettings()) for key in range(count)))


def answer(request: TurnRequest, control: TurnControl) -> Iterator[Event]:
    yield from FakeBackend([TEXT]).stream(request.messages, request.settings, control)


def collect(source: Source, width: int, stream: object = answer) -> dict[int, list[Event | MullError]]:
    found: dict[int, list[Event | MullError]] = {}
    run = ParallelStreams(stream, width, source, TurnControl()).run()  # type: ignore[arg-type]
    for item in run:
        if item is not None:
            found.setdefault(item[0], []).append(item[1])
    return found


def test_every_turn_is_whole() -> None:
    found = collect(requests(20), 4)
    assert sorted(found) == list(range(20))
    for events in found.values():
        done = check_stream(event for event in events if not isinstance(event, MullError))
        assert (done.answer, len(events)) == (TEXT, 4)


def test_as_many_run_at_once_as_were_asked_for_and_no_more() -> None:
    barrier = threading.Barrier(5, timeout=PATIENCE)
    running, most, lock = 0, 0, threading.Lock()

    def together(request: TurnRequest, control: TurnControl) -> Iterator[Event]:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        barrier.wait()  # passes only if five wait here at the same time
        with lock:
            running -= 1
        yield from answer(request, control)

    assert len(collect(requests(10), 5, together)) == 10
    assert most == 5


def test_an_error_is_that_of_its_turn_alone() -> None:
    def failing(request: TurnRequest, control: TurnControl) -> Iterator[Event]:
        if request.key == 1:
            raise MullError("broken", "It broke.")
        yield from answer(request, control)

    found = collect(requests(3), 2, failing)
    (error,) = found.pop(1)
    assert isinstance(error, MullError)
    assert all(isinstance(events[-1], Done) for events in found.values())


def test_a_defect_is_raised_where_the_events_are_read() -> None:
    def defective(request: TurnRequest, control: TurnControl) -> Iterator[Event]:
        yield from answer(request, control)
        raise RuntimeError("a defect")

    with pytest.raises(RuntimeError, match="a defect"):
        collect(requests(1), 2, defective)


def until_stopped(request: TurnRequest, control: TurnControl) -> Iterator[Event]:
    yield AnswerDelta("one ", 1)
    wait_for(lambda: control.stopped, "a stop")
    raise Interrupted


def silent(thread_names: set[str]) -> bool:
    return not any(thread.name in thread_names for thread in threading.enumerate())


@pytest.mark.parametrize("by", ["stop", "close"])
def test_the_end_ends_every_request(by: str) -> None:
    control = TurnControl()
    items: list[KeyedEvent] = []
    with closing(ParallelStreams(until_stopped, 8, requests(20), control).run()) as run:
        for item in run:
            items += [item] if item else []
            if len(items) == 8:
                if by == "close":
                    break
                control.stop()
    assert len(items) == 8  # the turns that ran are dropped
    wait_for(lambda: silent({"mull-request"}), "the threads' ends")
