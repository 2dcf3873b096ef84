"""The process that computes with workers: loads the model, runs turns, and may die of any of them.

In: an `Order` on stdin, then turns. Out: events on what was stdout. It ends with its stdin, so that it never outlives
its parent; what llama.cpp would abort for is the last thing that it sends.
"""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
import time
from contextlib import suppress
from typing import BinaryIO

from mull.backends.base import TokenCount, TurnRequest
from mull.backends.local import LocalBackend
from mull.backends.rpc.messages import (
    Alive,
    Ask,
    Channel,
    Count,
    Counted,
    LastWords,
    Order,
    Produced,
    Progress,
    Ready,
    Refused,
    Tell,
)
from mull.control import TurnControl
from mull.engine.native import fatal, library, rpc
from mull.errors import MullError
from mull.events import Done, Event
from mull.fs.paths import private_dir, state_dir

ALIVE = 0.5  # seconds between two signs of life while nothing else is sent
_WAIT = 0.1  # seconds that `take` may block
_DIED = 70  # the exit code


def main() -> None:
    """Entry point."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    channel = Channel(sys.stdin.buffer, _take_stdout())
    order: Order = channel.receive()
    try:
        backend = _load(channel, order)
    except MullError as error:
        channel.send(Refused(error))
        return
    turns = _Turns(channel)
    threading.Thread(target=turns.read, name="orders", daemon=True).start()
    channel.send(
        Ready(backend.context_tokens, backend.can_think, backend.engine.n_parallel, backend.identity())
    )
    said = time.monotonic()
    for item in backend.stream_many(turns, TurnControl()):
        if item is not None:
            turns.ended_with(*item)
            channel.send(Produced(*item))
            said = time.monotonic()
            continue
        turns.count(backend)
        if turns.running and time.monotonic() - said > ALIVE:
            channel.send(Alive())
            said = time.monotonic()


def _take_stdout() -> BinaryIO:
    """What was stdout, for this process's own messages; what libraries print goes nowhere."""
    own = os.fdopen(os.dup(1), "wb")
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.close(null)
    return own


def _load(channel: Channel, order: Order) -> LocalBackend:
    def died(message: str) -> None:
        with suppress(OSError):
            channel.send(LastWords(message or library.last_log_error() or ""))
        os._exit(_DIED)

    fatal.watch_process(died)
    library.prepare(private_dir(state_dir()))
    rpc.add_workers(order.workers)
    backend = LocalBackend(order.resolved, order.engine, parallel=order.parallel)
    for event in backend.load(TurnControl()):
        channel.send(Progress(event))  # type: ignore[arg-type]
    return backend


class _Turns:
    """The turns that the parent asks for (`TurnSource`), with a control for each."""

    ended = False

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._asked: queue.SimpleQueue[Ask] = queue.SimpleQueue()
        self._counts: queue.SimpleQueue[Count] = queue.SimpleQueue()
        self._controls: dict[int, TurnControl] = {}

    def read(self) -> None:
        """In a thread: sort what comes. The end of the parent is the end of this process."""
        with suppress(EOFError):
            while True:
                match self._channel.receive():
                    case Ask() as ask:
                        self._controls[ask.key] = TurnControl()
                        self._asked.put(ask)
                    case Tell(key, what):
                        if (control := self._controls.get(key)) is not None:
                            control.stop() if what == "stop" else control.answer_now()
                    case Count() as count:
                        self._counts.put(count)
        os._exit(0)

    def take(self, *, wait: bool) -> TurnRequest | None:
        try:
            ask = self._asked.get(timeout=_WAIT) if wait else self._asked.get_nowait()
        except queue.Empty:
            return None
        return TurnRequest(ask.key, ask.messages, ask.settings, self._controls[ask.key])

    @property
    def running(self) -> bool:
        return bool(self._controls)

    def ended_with(self, key: int, event: Event | MullError) -> None:
        """Forget a turn with its last event."""
        if isinstance(event, Done | MullError):
            del self._controls[key]

    def count(self, backend: LocalBackend) -> None:
        """Count the tokens of prompts, between two steps."""
        with suppress(queue.Empty):
            while True:
                wanted = self._counts.get_nowait()
                count: TokenCount | MullError
                try:
                    count = backend.count_tokens(wanted.messages, wanted.settings)
                except MullError as error:
                    count = error
                self._channel.send(Counted(count))


if __name__ == "__main__":
    main()
