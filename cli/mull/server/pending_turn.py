"""A request's turn as its HTTP handler sees it: the events that came since it looked last.

In: events, put on the event loop after each step. Out: lists of them, ended by a `Done` or an error. A client that
reads slowly makes the lists longer; one that does not read at all has its turn stopped at `MOST_UNREAD`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from mull.errors import MullError
from mull.events import Done, Event, PromptProgress
from mull.server.limits import MOST_UNREAD, REQUEST_SECONDS
from mull.server.served_model import Job, ServedModel

TIMED_OUT = MullError("request_timeout", f"The answer took more than {REQUEST_SECONDS:,.0f} seconds.")
STOPPING = MullError("server_stopping", "The server is being stopped.", "Ask again in a moment.")


class PendingTurn:
    """`end`: how it ended, None until then. `began`: a `perf_counter` reading."""

    def __init__(self, model: ServedModel) -> None:
        self.model = model
        self.job: Job | None = None
        self.began = time.perf_counter()
        self.end: Done | MullError | None = None
        self.cached = self.prompt = 0
        self.reason: MullError | None = None  # why the server stopped it
        self.latest = self.began  # reading of the last event
        self._events: list[Event | MullError] = []
        self._pass_on: Callable[[Event | MullError], bool] | None = None
        self._changed = asyncio.Event()

    def put(self, event: Event | MullError) -> None:
        """Take an event. On the event loop, like all of this class."""
        if self.end is not None:
            return
        if isinstance(event, Done | MullError):
            event = self._why(event)
            self.end = event
        elif isinstance(event, PromptProgress):
            self.cached, self.prompt = event.cached, event.total
        self.latest = time.perf_counter()
        if self._pass_on is not None and not self._events and self._pass_on(event):
            return
        self._events.append(event)
        if len(self._events) > MOST_UNREAD:
            self.stop()
        self._changed.set()

    async def next(
        self, pass_on: Callable[[Event | MullError], bool] | None = None
    ) -> list[Event | MullError]:
        """Wait for events, and return all that there are, but those that `pass_on` takes as they come."""
        self._pass_on = pass_on
        try:
            while not self._events:
                self._changed.clear()
                await self._changed.wait()
        finally:
            self._pass_on = None
        events, self._events = self._events, []
        return events

    def stop(self, reason: MullError | None = None) -> None:
        """End it now; `reason` is what its client gets, where there is one."""
        if self.end is None and self.job is not None:
            self.reason = self.reason or reason
            self.model.stop(self.job)

    def answer_now(self) -> None:
        if self.job is not None:
            self.job.control.answer_now()

    def _why(self, end: Done | MullError) -> Done | MullError:
        """A turn that was stopped by the server ends with the server's reason."""
        stopped = end.finish == "interrupted" if isinstance(end, Done) else end.code == "interrupted"
        return self.reason if stopped and self.reason is not None else end
