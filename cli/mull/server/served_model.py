"""One model of the server, as the decode thread sees it: its queue, its load, and the turns that run.

In: jobs, from any thread. Out: their events, from `step`. The model is loaded when the first job comes. A job whose
client has gone is dropped wherever it is: in the queue, in prefill, or in the answer.
"""

from __future__ import annotations

import os
import threading
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field

from mull.backends.base import ChatBackend, KeyedEvent, Restarted, TurnRequest
from mull.control import TurnControl
from mull.errors import Interrupted, MullError
from mull.events import Done, Event, Notice
from mull.messages import Message
from mull.settings import Sampling, TurnSettings, over


@dataclass(eq=False, slots=True)
class Job:
    """One request. `deliver` gets its events on the event loop; the last one is a `Done` or an error."""

    key: int
    messages: tuple[Message, ...]
    settings: TurnSettings
    control: TurnControl
    deliver: Callable[[Event | MullError], None]


Outbox = list[tuple[Job, Event | MullError]]


@dataclass(eq=False, slots=True)
class ServedModel:
    """`names`: how requests may call it. `control`: stops everything. `on_notice` is called in the decode thread.

    `defaults`: sampling of requests that set none, over what the model's vendor recommends.
    """

    backend: ChatBackend
    names: frozenset[str]
    control: TurnControl
    wake: Callable[[], None]
    on_notice: Callable[[str], None] = lambda _: None
    defaults: Sampling = field(default_factory=Sampling)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)  # of the queue
    _queue: deque[Job] = field(default_factory=deque, init=False)
    _someone_left: bool = field(default=False, init=False)
    _running: dict[int, Job] = field(default_factory=dict, init=False)
    _turns: Generator[KeyedEvent | None, None, None] | None = field(default=None, init=False)
    _waiters: list[Callable[[MullError | None], None]] = field(default_factory=list, init=False)
    _load: _Load | None = field(default=None, init=False)

    # For any thread.

    @property
    def name(self) -> str:
        return self.backend.name

    def sampling_advice(self, thinking: bool | None) -> Sampling:
        """The sampling of a request that sets none: the owner's, else the model's vendor's."""
        return over(self.defaults, self.backend.sampling_advice(thinking))

    @property
    def waiting(self) -> int:
        """Jobs that have no slot yet."""
        return len(self._queue)

    @property
    def running(self) -> int:
        return len(self._running)

    @property
    def state(self) -> str:
        """`loaded`, `loading` or `unloaded`."""
        return "loading" if self._load is not None else "loaded" if self.backend.ready else "unloaded"

    @property
    def trouble(self) -> str | None:
        """Why it has to be loaded again, where it was lost."""
        return self.backend.trouble if isinstance(self.backend, Restarted) else None

    def submit(self, job: Job) -> None:
        with self._lock:
            self._queue.append(job)
        self.wake()

    def stop(self, job: Job) -> None:
        """Its client has gone: end it within 200 ms, wherever it is."""
        job.control.stop()
        self._someone_left = True
        self.wake()

    def want(self, then: Callable[[MullError | None], None]) -> None:
        """Load it without a job; the decode thread calls `then` when that is done, with its failure if it failed."""
        self._waiters.append(then)
        self.wake()

    # For the decode thread.

    def step(self, outbox: Outbox) -> bool:
        """Compute one token for each running turn. False: nothing can be computed until `wake` is called."""
        if self._someone_left:
            self._drop_stopped(outbox)
        if not (self._queue or self._running or self._waiters):
            return False
        if self._load is not None or not self.backend.ready:
            return self._follow_load(outbox)
        self._loaded(None)
        return bool(self._queue or self._running) and self._decode(outbox)

    def close(self) -> None:
        """Drop all turns and free the model."""
        if self._turns is not None:
            self._turns.close()
        self.backend.close()

    # What the backend takes turns from (`TurnSource`).

    @property
    def ended(self) -> bool:
        return False

    def take(self, *, wait: bool) -> TurnRequest | None:  # noqa: ARG002 - the decode thread waits for all models
        """The job that has waited longest."""
        with self._lock:
            if not self._queue:
                return None
            job = self._queue.popleft()
        self._running[job.key] = job
        return TurnRequest(job.key, job.messages, job.settings, job.control)

    def _drop_stopped(self, outbox: Outbox) -> None:
        self._someone_left = False
        with self._lock:
            stopped = [job for job in self._queue if job.control.stopped]
            for job in stopped:
                self._queue.remove(job)
        outbox.extend((job, Interrupted()) for job in stopped)

    def _decode(self, outbox: Outbox) -> bool:
        if self._turns is None:
            self._turns = self.backend.stream_many(self, self.control)
        try:
            for item in self._turns:
                if item is None:
                    return True
                key, event = item
                ended = isinstance(event, Done | MullError)
                outbox.append((self._running.pop(key) if ended else self._running[key], event))
        except Exception as error:  # noqa: BLE001 - this thread serves the other models too
            self._fail_running(as_mull_error(error), outbox)
        self._turns = None  # it failed, or the server stops
        return bool(self._queue)

    def _fail_running(self, error: MullError, outbox: Outbox) -> None:
        outbox.extend((job, error) for job in self._running.values())
        self._running.clear()

    def _follow_load(self, outbox: Outbox) -> bool:
        """Start loading, in another thread so that other models continue; pass its events on to all who wait."""
        if self._load is None:
            self._load = _Load(self.backend, self.control, self.wake)
        load = self._load
        over = load.over  # before its events are read, so that none is missed
        with self._lock:
            waiting = list(self._queue)
        for event in load.events():
            if isinstance(event, Notice):
                self.on_notice(event.text)
            outbox.extend((job, event) for job in waiting)
        if not over:
            return False
        self._load = None
        if load.failure is not None:
            self._fail_waiting(load.failure, outbox)
        return True

    def _fail_waiting(self, failure: MullError, outbox: Outbox) -> None:
        with self._lock:
            outbox.extend((job, failure) for job in self._queue)
            self._queue.clear()
        self._loaded(failure)

    def _loaded(self, failure: MullError | None) -> None:
        while self._waiters:
            self._waiters.pop()(failure)


class _Load:
    """A load that runs in a thread. `wake` is called for each of its events and at its end."""

    def __init__(self, backend: ChatBackend, control: TurnControl, wake: Callable[[], None]) -> None:
        self.over = False
        self.failure: MullError | None = None
        self._events: deque[Event] = deque()
        self._wake = wake
        threading.Thread(target=self._run, args=(backend, control), name="load-wait", daemon=True).start()

    def events(self) -> Iterator[Event]:
        """Those that were not read yet."""
        while self._events:
            yield self._events.popleft()

    def _run(self, backend: ChatBackend, control: TurnControl) -> None:
        last: Event | None = None
        try:
            for event in backend.load(control):
                if event != last:
                    self._events.append(event)
                    self._wake()
                last = event
        except Exception as error:  # noqa: BLE001 - whoever waits has to know
            self.failure = as_mull_error(error)
        self.over = True
        self._wake()


def as_mull_error(error: Exception) -> MullError:
    """The failure itself, or a bug as one; `MULL_DEBUG` shows where it is."""
    if isinstance(error, MullError):
        return error
    if os.environ.get("MULL_DEBUG"):
        traceback.print_exception(error)
    return MullError(
        "internal_error", f"Something went wrong inside mull: {error!r}.", "MULL_DEBUG=1 shows where."
    )
