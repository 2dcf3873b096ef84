"""Many requests in flight at a time: one thread for each, and one stream of keyed events.

In: a function that streams one turn, how many at a time, and a source of turns. Out: what `ChatBackend.stream_many`
promises. A request waits for the server nearly all of its time, so threads are enough. A stop ends all of them: each
looks at the control while its server is silent.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Generator, Iterator

from mull.control import TurnControl
from mull.errors import Interrupted, MullError
from mull.events import Done, Event
from mull.turn.request import TurnRequest, TurnSource

Stream = Callable[[TurnRequest, TurnControl], Iterator[Event]]
KeyedEvent = tuple[int, Event | MullError]

DEFAULT_WIDTH = 8
"""Requests at a time where the user names no number and the server does not say how many it serves."""

_POLL = 0.1  # seconds between two looks at the control
_WAITING_EVENTS = 1024  # that the threads produce before they wait for the reader
_FAREWELL = 0.5  # seconds that the end waits for the threads to close their connections


class _EitherControl(TurnControl):
    """Stopped by itself, by the control of all turns, or by the turn's own control."""

    def __init__(self, *others: TurnControl) -> None:
        super().__init__()
        self._others = others

    @property
    def stopped(self) -> bool:
        return super().stopped or any(other.stopped for other in self._others)

    @property
    def wants_answer(self) -> bool:
        return super().wants_answer or any(other.wants_answer for other in self._others)


class ParallelStreams:
    """The requests in flight. `run` is called once."""

    def __init__(self, stream: Stream, width: int, source: TurnSource, control: TurnControl) -> None:
        self._stream = stream
        self._width = width
        self._source = source
        self._control = _EitherControl(control)
        self._events: queue.Queue[KeyedEvent | BaseException] = queue.Queue(_WAITING_EVENTS)
        self._running: dict[int, threading.Thread] = {}

    def run(self) -> Generator[KeyedEvent | None, None, None]:
        """See `ChatBackend.stream_many`."""
        try:
            while not self._control.stopped:
                self._start()
                if self._running:
                    yield from self._read()
                elif self._source.ended:
                    return
                yield None
        finally:
            self._control.stop()
            until = time.monotonic() + _FAREWELL
            for thread in self._running.values():
                thread.join(max(0.0, until - time.monotonic()))

    def _start(self) -> None:
        while len(self._running) < self._width and not self._control.stopped:
            request = self._source.take(wait=not self._running)
            if request is None:
                return
            thread = threading.Thread(target=self._work, args=(request,), name="mull-request", daemon=True)
            self._running[request.key] = thread
            thread.start()

    def _read(self) -> Iterator[KeyedEvent]:
        """The events that have arrived; waits for the first one, not for long."""
        try:
            item = self._events.get(timeout=_POLL)
            for _ in range(_WAITING_EVENTS):
                if self._control.stopped:
                    return
                if isinstance(item, BaseException):
                    raise item
                key, event = item
                if isinstance(event, Done | MullError):
                    del self._running[key]
                yield item
                item = self._events.get_nowait()
        except queue.Empty:
            return

    def _work(self, request: TurnRequest) -> None:
        try:
            for event in self._stream(request, self._of(request)):
                self._put((request.key, event))
        except Interrupted as error:
            if not self._control.stopped:
                self._put((request.key, error))
        except MullError as error:
            self._put((request.key, error))
        except BaseException as error:  # noqa: BLE001 - a defect: raised in the thread that reads
            self._put(error)

    def _of(self, request: TurnRequest) -> TurnControl:
        return self._control if request.control is None else _EitherControl(self._control, request.control)

    def _put(self, item: KeyedEvent | BaseException) -> None:
        """Wait for room, until the end."""
        while not self._control.stopped:
            try:
                self._events.put(item, timeout=_POLL)
            except queue.Full:
                continue
            return
