"""Run the server until a signal, or until it was idle for long enough.

In: backends, a listening socket. Out: whether a signal ended it. The first signal lets running answers end for
`GRACE_SECONDS` and refuses new ones; the second one ends them at once. Raises the failure of the only model's load.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import field

import uvicorn

from mull import __version__
from mull.backends.base import ChatBackend
from mull.control import handle_signals
from mull.dataclass import dataclass
from mull.server.app import make_app
from mull.server.guard import Rules
from mull.server.limits import GRACE_SECONDS, IDLE_SECONDS, MOST_CONNECTIONS, MOST_HEADERS
from mull.server.protocol import LimitedProtocol
from mull.server.serving import Serving
from mull.settings import Sampling

Models = Sequence[tuple[ChatBackend, frozenset[str]]]
_CUT_SECONDS = 1.0  # in which clients of answers that were cut read why
_SWITCH_SECONDS = 0.0005
"""How long the decode thread waits for the event loop to give it the interpreter: a tenth of Python's own value. The
event loop writes to every client after a step, which takes milliseconds with many, and the next step waits meanwhile.
SmolLM2-135M, 8 clients, alternating: 36 and 31 ms per token, at best 25.6 and 24.1."""

_OBJECTS = 2000
"""New objects between two searches for reference cycles. With the 100,000 of a process that soon ends (`__main__.py`),
what requests leave behind grows to 20 MB before the next search."""


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """`idle_seconds`: how long without a request until the server leaves; None: it stays.

    `log` gets a line for each completion, `note` what the user should know. `defaults`: sampling of requests that set
    none, by the model's name.
    """

    rules: Rules
    idle_seconds: float | None = None
    log: Callable[[str], None] = lambda _: None
    note: Callable[[str], None] = lambda _: None
    defaults: Mapping[str, Sampling] = field(default_factory=dict)


def serve(models: Models, listening: socket.socket, options: ServerOptions) -> bool:
    """Serve; returns whether a signal ended it."""
    sys.setswitchinterval(_SWITCH_SECONDS)
    gc.freeze()  # what is imported is never searched
    gc.set_threshold(_OBJECTS)
    return asyncio.run(_Run(models, listening, options).run())


class _Server(uvicorn.Server):
    """uvicorn without signal handlers of its own."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _Run:
    def __init__(self, models: Models, listening: socket.socket, options: ServerOptions) -> None:
        self._models = models
        self._listening = listening
        self._options = options
        self._signals = 0
        self._ending = asyncio.Event()
        self._cut = asyncio.Event()

    async def run(self) -> bool:
        options = self._options
        serving = Serving(self._models, log=options.log, note=options.note, defaults=options.defaults)
        server = _Server(_config(make_app(serving, self._options.rules)))
        loop = asyncio.get_running_loop()

        def signal(_number: int) -> None:
            loop.call_soon_threadsafe(self._signal)

        with handle_signals(signal):
            serving.start()
            running = asyncio.create_task(server.serve(sockets=[self._listening]))
            await self._until_end(serving, running)
            await self._shut_down(serving, server, running)
            await serving.stop()
        if serving.failure is not None:
            raise serving.failure
        return self._signals > 0

    def _signal(self) -> None:
        self._signals += 1
        self._ending.set()
        if self._signals > 1:
            self._cut.set()

    async def _until_end(self, serving: Serving, running: asyncio.Task[None]) -> None:
        """Until a signal, a failed load, or the end of the idle time."""
        while not (self._ending.is_set() or serving.failure is not None or running.done()):
            serving.changed.clear()
            left = None
            if self._options.idle_seconds is not None and not serving.busy:
                left = serving.last_used + self._options.idle_seconds - time.monotonic()
                if left <= 0:
                    return
            waits = {asyncio.create_task(event.wait()) for event in (self._ending, serving.changed)}
            await asyncio.wait({*waits, running}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            for wait in waits:
                wait.cancel()

    async def _shut_down(self, serving: Serving, server: _Server, running: asyncio.Task[None]) -> None:
        serving.stopping = True
        if serving.turns and serving.failure is None:
            count = len(serving.turns)
            answers = "1 answer" if count == 1 else f"{count} answers"
            self._options.note(f"Finishing {answers}; Ctrl+C again ends at once.")
        server.should_exit = True  # no new connections; idle ones are closed
        with suppress(TimeoutError):
            async with asyncio.timeout(GRACE_SECONDS):
                while serving.turns and not self._cut.is_set():
                    serving.changed.clear()
                    waits = [asyncio.create_task(event.wait()) for event in (self._cut, serving.changed)]
                    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
                    for wait in waits:
                        wait.cancel()
        serving.stop_turns()
        await asyncio.wait({running}, timeout=_CUT_SECONDS)
        server.force_exit = True
        await asyncio.wait({running}, timeout=_CUT_SECONDS)
        if running.done():
            running.result()


def _config(app: object) -> uvicorn.Config:
    logging.getLogger("uvicorn.error").setLevel(
        logging.CRITICAL + 1
    )  # errors are answered; bad requests are no news
    return uvicorn.Config(
        app,  # type: ignore[arg-type]
        http=LimitedProtocol,
        loop="asyncio",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        headers=[("server", f"mull/{__version__}")],
        limit_concurrency=MOST_CONNECTIONS,
        timeout_keep_alive=IDLE_SECONDS,
        h11_max_incomplete_event_size=MOST_HEADERS,
    )
