"""What a server answers: the routes of `status.py`, over HTTP on a socket that exists already, a thread per connection.

In: a loaded or loading backend, an `IdleTimer`. Out: responses; a turn is a stream of the API's chunks with mull's
extension. The backend answers one turn at a time, as it does in a process for one call, so that the answers are the
same; others wait in line. A client that goes away ends its turn.
"""

from __future__ import annotations

import json
import os
import select
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from http.server import BaseHTTPRequestHandler
from queue import SimpleQueue
from typing import Any, Self

from mull.api.chunks import Completion
from mull.api.errors import error_object
from mull.api.request import ChatRequest, read_request
from mull.backends.base import ChatBackend, Identified
from mull.control import TurnControl
from mull.errors import Interrupted, MullError
from mull.events import Done, Event, Loading, Notice, Waiting
from mull.fs.json_text import parse_json
from mull.keep_alive.idle import IdleTimer
from mull.keep_alive.status import (
    ANSWER_NOW,
    COMPLETIONS,
    CONTROL,
    PERSIST,
    STATUS,
    STOP,
    TOKENS,
    Status,
)

LARGEST = 256 << 20  # bytes of a request: far more than any context
CLOSE_SECONDS = 4.0  # in which a turn that was stopped, or the prompt cache's file, is finished
_BROKEN = {"device_lost", "decode_failed"}
_WATCH = 0.1  # seconds until a client that went away is noticed
WRITE_SECONDS = 3600.0  # in which a client has to read something
_SLICE = 1 << 20


class KeptModel:
    """The backend and its line of waiting turns."""

    def __init__(self, backend: ChatBackend, idle: IdleTimer) -> None:
        self.backend = backend
        self.idle = idle
        self.controls: dict[str, TurnControl] = {}  # of the turns that wait or run
        self.failure: MullError | None = None
        self.notices: list[Notice] = []
        self._fraction = 0.0
        self._turn = threading.Lock()

    def load(self, prepare: Callable[[], None]) -> None:
        """Load the model, after `prepare`; blocks."""
        try:
            prepare()
            for event in self.backend.load(TurnControl()):
                if isinstance(event, Loading):
                    self._fraction = event.fraction
                elif isinstance(event, Notice):
                    self.notices.append(event)
        except MullError as error:
            self.failure = error

    @property
    def status(self) -> Status:
        if self.failure is not None:
            return Status(error=self.failure)
        if not self.backend.ready:
            return Status(min(self._fraction, 0.99))
        return Status(
            1.0,
            self.backend.context_tokens,
            self.backend.can_think,
            waiting=len(self.controls),
            notices=tuple(self.notices),
            identity=self.backend.identity() if isinstance(self.backend, Identified) else {},
        )

    def turn(self, request: ChatRequest, control: TurnControl) -> Generator[Event, None, None]:
        """The events of one turn, once those before it have ended. Raises what the turn raises."""
        if self._turn.locked():
            yield Waiting(self.backend.name, connected=True)
        with self._alone(control):
            settings = request.turn_settings(self.backend.sampling_advice)
            yield from self.backend.stream(request.messages, settings, control)

    def persist(self) -> None:
        """Write the prompt cache, unless a turn runs."""
        if self._turn.acquire(blocking=False):
            try:
                self.backend.persist()
            finally:
                self._turn.release()

    def close(self) -> bool:
        """Stop all turns and free the model; False where llama.cpp does not return, so that it cannot be freed."""
        for control in list(self.controls.values()):
            control.stop()
        free = self._turn.acquire(timeout=CLOSE_SECONDS)
        if free:
            self.backend.close()
        return free

    @contextmanager
    def _alone(self, control: TurnControl) -> Iterator[None]:
        while not self._turn.acquire(timeout=0.05):
            if control.stopped:
                raise Interrupted
        try:
            yield
        finally:
            self._turn.release()


class _RefusedError(Exception):
    """What no client of mull's sends, with its HTTP status."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Handler(BaseHTTPRequestHandler):
    """One connection, one request."""

    server: Server
    timeout = 60.0  # seconds for a request to arrive
    wbufsize = _SLICE  # flushed after each event

    def do_GET(self) -> None:
        self._answer({STATUS: self._status})

    def do_POST(self) -> None:
        self._answer(
            {COMPLETIONS: self._complete, CONTROL: self._control, TOKENS: self._count, PERSIST: self._persist}
        )

    def log_message(self, format: str, *_: object) -> None:  # noqa: A002 - the signature of its class
        """What people ask is in no log."""

    def address_string(self) -> str:
        return "client"

    def _answer(self, routes: dict[str, Callable[[], None]]) -> None:
        try:
            prefix = f"/{self.server.token}" if self.server.token else ""
            path = self.path.removeprefix(prefix) if self.path.startswith(prefix) else ""
            if path not in routes:
                raise _RefusedError(404)
            routes[path]()
        except _RefusedError as refusal:
            self._object({}, refusal.status)
        except MullError as error:
            self._object(error_object(error, extended=True))  # no status: the client reads the error itself
        except OSError:  # the client went away
            pass

    # The routes.

    def _status(self) -> None:
        self._object(self.server.model.status.to_object())

    def _complete(self) -> None:
        model, request = self.server.model, read_request(self._body())
        completion = Completion(os.urandom(12).hex(), int(time.time()), model.backend.name, request)
        control = TurnControl()
        model.controls[completion.id] = control
        with ExitStack() as stack:
            stack.callback(model.controls.pop, completion.id)
            stack.enter_context(model.idle.request(self._keep_alive))
            stack.enter_context(_watching(self.connection, control))
            self._head(200, "text/event-stream", {"X-Completion-Id": completion.id})
            out = stack.enter_context(_Output(self.connection, control))
            with closing(model.turn(request, control)) as events:
                try:
                    for event in events:
                        for chunk in completion.chunks(event):
                            out.put(chunk)
                        if isinstance(event, Done):
                            self._leave_after(event.error)
                            break
                except MullError as error:
                    out.put(completion.failure(error))
                    self._leave_after(error)

    def _leave_after(self, error: MullError | None) -> None:
        """Only another process helps against some failures of the engine."""
        if error is not None and error.code in _BROKEN:
            self.server.model.idle.end()

    def _control(self) -> None:
        body = self._body()
        control = self.server.model.controls.get(str(body.get("id")))
        if control is None:
            raise _RefusedError(404)
        act = {ANSWER_NOW: control.answer_now, STOP: control.stop}.get(str(body.get("action")))
        if act is None:
            raise _RefusedError(400)
        act()
        self._object({"success": True})

    def _count(self) -> None:
        model, request = self.server.model, read_request(self._body())
        settings = request.turn_settings(model.backend.sampling_advice)
        found = model.backend.count_tokens(request.messages, settings)
        self._object({"value": found.value, "exact": found.exact})

    def _persist(self) -> None:
        self._object({"success": True}, 202)
        with self.server.model.idle.request():
            self.server.model.persist()

    # HTTP.

    def _body(self) -> dict[str, Any]:
        size = self.headers.get("Content-Length", "")
        if not size.isdigit() or int(size) > LARGEST:
            raise _RefusedError(413)
        try:
            body = parse_json(self.rfile.read(int(size)))
        except ValueError as error:
            raise _RefusedError(400) from error
        if not isinstance(body, dict):
            raise _RefusedError(400)
        own = body.get("mull")
        seconds = own.pop("keep_alive", None) if isinstance(own, dict) else None
        self._keep_alive = float(seconds) if isinstance(seconds, int | float) else None
        return body

    def _object(self, value: dict[str, Any], status: int = 200) -> None:
        data = json.dumps(value).encode()
        with suppress(OSError):
            self._head(status, "application/json", {"Content-Length": str(len(data))})
            self.wfile.write(data)
            self.wfile.flush()

    def _head(self, status: int, kind: str, more: dict[str, str]) -> None:
        self.send_response_only(status)
        for name, value in {"Content-Type": kind, "Connection": "close", **more}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.flush()
        self.close_connection = True


class _Output:
    """What a client still has to read: one that reads slowly, a pager perhaps, does not hold up the others in line."""

    def __init__(self, connection: socket.socket, control: TurnControl) -> None:
        self._connection = connection
        self._control = control
        self._chunks: SimpleQueue[bytes] = SimpleQueue()
        self._thread = threading.Thread(target=self._send, name="mull-client-output", daemon=True)

    def put(self, chunk: dict[str, Any]) -> None:
        self._chunks.put(b"data: " + json.dumps(chunk).encode() + b"\n\n")

    def __enter__(self) -> Self:
        self._connection.settimeout(WRITE_SECONDS)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._chunks.put(b"data: [DONE]\n\n")
        self._chunks.put(b"")
        self._thread.join()

    def _send(self) -> None:
        try:
            while data := self._chunks.get():
                self._connection.sendall(data)
        except OSError:
            self._control.stop()


class Server(socketserver.ThreadingMixIn, socketserver.BaseServer):
    """Answers on a listening socket. `token`: what requests must carry where anybody could connect."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, listening: socket.socket, model: KeptModel, token: str = "") -> None:
        super().__init__(listening.getsockname(), Handler)
        self.model = model
        self.token = token
        self._listening = listening

    def fileno(self) -> int:
        return self._listening.fileno()

    def get_request(self) -> tuple[socket.socket, Any]:
        return self._listening.accept()

    def close_request(self, request: Any) -> None:
        request.close()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - its class's signature
        import traceback

        traceback.print_exc()  # into the server's log


@contextmanager
def _watching(connection: socket.socket, control: TurnControl) -> Iterator[None]:
    """Stop the turn as soon as the client closes its connection."""
    over = threading.Event()

    def watch() -> None:
        while not over.is_set():
            try:
                readable, _, _ = select.select([connection], [], [], _WATCH)
                if readable and not connection.recv(1, socket.MSG_PEEK):
                    control.stop()
                    return
            except (OSError, ValueError):
                return
            if readable:  # more than its request: nothing that matters
                over.wait(_WATCH)

    threading.Thread(target=watch, name="mull-client", daemon=True).start()
    try:
        yield
    finally:
        over.set()
