"""When a server leaves, by two clocks that a test sets."""

from __future__ import annotations

import threading

import pytest

from mull.keep_alive import idle
from mull.keep_alive.idle import IdleTimer
from tests.waiting import wait_for


class Clocks:
    def __init__(self) -> None:
        self.monotonic = self.wall = 1000.0

    def now(self) -> tuple[float, float]:
        return self.monotonic, self.wall


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Clocks:
    made = Clocks()
    monkeypatch.setattr(idle, "_clocks", made.now)
    monkeypatch.setattr(idle, "LONGEST_WAIT", 0.01)
    return made


def waiting(timer: IdleTimer) -> threading.Thread:
    thread = threading.Thread(target=timer.wait)
    thread.start()
    return thread


@pytest.mark.parametrize("clock", ["monotonic", "wall"])
def test_the_time_is_over_by_either_clock(clocks: Clocks, clock: str) -> None:
    timer = IdleTimer(300)
    thread = waiting(timer)
    setattr(clocks, clock, 1299.0)
    thread.join(0.05)
    assert thread.is_alive()
    setattr(clocks, clock, 1301.0)  # a laptop that slept has the wall clock alone
    thread.join(60)
    assert not thread.is_alive()


def test_a_wall_clock_that_was_set_back_changes_nothing(clocks: Clocks) -> None:
    timer = IdleTimer(300)
    clocks.wall = 0.0
    thread = waiting(timer)
    clocks.monotonic = 1301.0
    thread.join(60)
    assert not thread.is_alive()


def test_a_request_holds_it_and_starts_the_time_anew(clocks: Clocks) -> None:
    touched: list[int] = []
    timer = IdleTimer(300, lambda _: touched.append(1))
    thread = waiting(timer)
    with timer.request():
        clocks.monotonic = 5000.0
        wait_for(lambda: len(touched) > 1, "a look at the clocks")
        assert thread.is_alive()
    clocks.monotonic = 5299.0
    thread.join(0.05)
    assert thread.is_alive()
    clocks.monotonic = 5301.0
    thread.join(60)
    assert not thread.is_alive()


def test_the_last_request_says_how_long(clocks: Clocks) -> None:
    timer = IdleTimer(300)
    with timer.request(10):
        pass
    thread = waiting(timer)
    clocks.monotonic = 1011.0
    thread.join(60)
    assert not thread.is_alive()


def test_it_can_be_ended(clocks: Clocks) -> None:
    timer = IdleTimer(300)
    thread = waiting(timer)
    timer.end()
    thread.join(60)
    assert not thread.is_alive()
    assert clocks.monotonic == 1000.0
