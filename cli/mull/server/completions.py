"""`/v1/chat/completions`: a stream of chunks, or one response.

A plain stream begins with the prompt's first progress, so that an error before it has its HTTP status; with the mull
extension at once, for the load is reported too. The turn ends when its client has gone, wherever it is.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from mull.api.chunks import Completion, encode
from mull.errors import MullError
from mull.events import Done, Event, Loading, Notice
from mull.server.bodies import Json, failure, read_chat_request
from mull.server.limits import PING_SECONDS, REQUEST_SECONDS, WRITE_SECONDS
from mull.server.pending_turn import STOPPING, TIMED_OUT, PendingTurn
from mull.server.protocol import LimitedProtocol
from mull.server.serving import Serving, named

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
_DONE = b"data: [DONE]\n\n"
_PING = b": ping\n\n"
_STREAM_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
]


async def complete(request: Request) -> Response:
    """The handler. Raises MullError for what cannot be answered."""
    serving: Serving = request.app.state.serving
    asked = await read_chat_request(request)
    model = serving.model(asked.model)
    completion = Completion(f"chatcmpl-{os.urandom(12).hex()}", int(time.time()), model.name, asked)
    turn = serving.begin(completion.id, model, asked)
    return _Answer(serving, turn, completion)


class _Answer(Response):
    """Runs when Starlette sends it; whatever happens then, the turn is over afterwards."""

    def __init__(self, serving: Serving, turn: PendingTurn, completion: Completion) -> None:
        self._serving = serving
        self._turn = turn
        self._completion = completion
        self._ignored = completion.request.ignored
        self.background = None
        self.status_code = 200

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        watch = asyncio.create_task(_stop_when_gone(receive, self._turn))
        try:
            answer = self._stream if self._completion.request.stream else self._whole
            await answer(scope, receive, send)
        finally:
            watch.cancel()
            self._serving.end(self._completion.id, ignored=self._ignored)

    @property
    def _own_headers(self) -> dict[str, str]:
        return {"x-mull-ignored": named(self._ignored)} if self._ignored else {}

    async def _whole(self, scope: Any, receive: Any, send: Any) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(REQUEST_SECONDS):
                while self._turn.end is None:
                    await self._turn.next()
        end = self._turn.end or TIMED_OUT
        if isinstance(end, Done):
            end = _failed(end) or end
        if isinstance(end, MullError):
            response = failure(end, self._own_headers, extended=self._completion.request.extended)
        else:
            response = Json(self._completion.response(end), headers=self._own_headers)
        await response(scope, receive, send)

    async def _stream(self, scope: Any, receive: Any, send: Any) -> None:
        events = await self._first_events()
        if isinstance(events[-1], MullError) and not self._completion.request.extended:
            response = failure(events[-1], self._own_headers)
            await response(scope, receive, send)
            return
        headers = [*_STREAM_HEADERS, *((k.encode(), v.encode()) for k, v in self._own_headers.items())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        async for data in self._data(events, scope["state"]["connection"]):
            try:
                async with asyncio.timeout(WRITE_SECONDS):
                    await send({"type": "http.response.body", "body": data, "more_body": True})
            except TimeoutError:  # the client reads nothing
                scope["state"]["connection"].abort()
                return
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _first_events(self) -> list[Event | MullError]:
        """The events up to the first that decides about the response's head."""
        events = await self._turn.next()
        while not self._completion.request.extended and all(
            isinstance(event, Loading | Notice) for event in events
        ):
            events += await self._turn.next()
        return events

    async def _data(
        self, events: Sequence[Event | MullError], connection: LimitedProtocol
    ) -> AsyncIterator[bytes]:
        """The lines of the stream, as many at a time as there are events; but those that `_pass_on` wrote."""
        deadline = self._turn.began + REQUEST_SECONDS
        while True:
            if lines := b"".join(line for event in events for line in self._lines(event)):
                yield lines
            if events and events[-1] is self._turn.end:
                return
            if time.perf_counter() > deadline:
                self._turn.stop(TIMED_OUT)
            events = await self._more(connection)
            if not events:
                yield _PING

    async def _more(self, connection: LimitedProtocol) -> Sequence[Event | MullError]:
        """What is to be sent; nothing where no event came for `PING_SECONDS`."""
        since = time.perf_counter()
        while True:
            quiet = time.perf_counter() - max(since, self._turn.latest)
            if quiet >= PING_SECONDS:
                return ()
            with suppress(TimeoutError):
                async with asyncio.timeout(PING_SECONDS - quiet):
                    return await self._turn.next(partial(self._pass_on, connection))

    def _pass_on(self, connection: LimitedProtocol, event: Event | MullError) -> bool:
        """Write an event at once, without a turn of the event loop; False for the last one, and for slow clients."""
        if isinstance(event, Done | MullError) or not connection.writable:
            return False
        if lines := b"".join(self._lines(event)):
            connection.write_part(lines)
        return True

    def _lines(self, event: Event | MullError) -> list[bytes]:
        if isinstance(event, MullError):
            return [_line(self._completion.failure(event))]
        if text := self._completion.text_chunk(event):
            return [_data(text)]
        lines = [_line(chunk) for chunk in self._completion.chunks(event)]
        if isinstance(event, Done) and _failed(event) is None:
            lines.append(_DONE)
        return lines


def _line(value: dict[str, Any]) -> bytes:
    return _data(encode(value))


def _data(value: str) -> bytes:
    return f"data: {value}\n\n".encode()


def _failed(done: Done) -> MullError | None:
    """The error of a turn that has no answer."""
    if done.finish == "interrupted":
        return STOPPING
    return done.error if done.finish == "error" else None


async def _stop_when_gone(receive: Receive, turn: PendingTurn) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    turn.stop()
