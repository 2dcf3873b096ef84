"""An HTTP server that plays its replies byte by byte as a test wrote them, on loopback or a Unix socket.

A `Reply` is a list of steps: bytes to send, seconds to pause, gates to wait at, and how the connection ends. `Server`
records every request and whether its client left before the reply was complete. `dialects.py` has replies as the
servers of the field write them. As a program it serves a dialect: `python -m tests.endpoints.scripted_server NAME`.
"""

from __future__ import annotations

import itertools
import json
import select
import socket
import socketserver
import struct
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from http.server import BaseHTTPRequestHandler
from typing import Any, Literal

from tests.waiting import PATIENCE, wait_for


class End(Enum):
    """What happens to the connection in place of the rest of a reply."""

    CUT = auto()  # closed, as when the server's process ends
    RESET = auto()  # reset, as when its machine goes away
    HOLD = auto()  # left open without another byte, until the client leaves


Step = bytes | float | threading.Event | End
"""Send these bytes, as one write; pause for these seconds; wait until the test sets the gate; end."""

SSE = "text/event-stream"


@dataclass(frozen=True)
class Reply:
    """One reply. `framing`: how its end is marked; `raw`: the steps hold the status line and the headers too."""

    steps: Sequence[Step] = ()
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    kind: str = SSE
    framing: Literal["chunked", "length", "close"] = "chunked"
    raw: bool = False


def as_json(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """A reply with a JSON body."""
    text = value if isinstance(value, str) else json.dumps(value)
    return Reply([text.encode()], status, headers or {}, "application/json", "length")


def split_at(data: bytes, *positions: int) -> list[bytes]:
    """The bytes in pieces that begin at these offsets."""
    marks = [0, *positions, len(data)]
    return [data[start:end] for start, end in itertools.pairwise(marks)]


def split_every(data: bytes, size: int) -> list[bytes]:
    """The bytes in pieces of this size; a character or a line may span several."""
    return [data[start : start + size] for start in range(0, len(data), size)]


@dataclass
class Request:
    """What the server received, and what became of the reply."""

    method: str
    path: str
    headers: Mapping[str, str]  # names in lower case
    body: bytes
    complete: bool = False  # every step was played
    left: threading.Event = field(default_factory=threading.Event)  # the client closed before that

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)

    @property
    def key(self) -> str | None:
        """The key that came with it, from whichever header."""
        bearer = self.headers.get("authorization", "").removeprefix("Bearer ")
        return bearer or self.headers.get("x-api-key") or self.headers.get("api-key")


Respond = Callable[[Request], Reply]


def _always(reply: Reply) -> Respond:
    return lambda _: reply


class _Left(Exception):
    """The client closed its connection, or the server does."""


class Server:
    """The routes and what was recorded. Without a route, a request is answered with 404."""

    def __init__(self) -> None:
        self.url = ""  # without a path
        self.path = ""  # of the Unix socket
        self.requests: list[Request] = []
        self.running = 0  # replies that are being played
        self.most_running = 0
        self.deaf = False  # requests are accepted and never read
        self.connections = 0
        self._routes: dict[tuple[str, str], Respond] = {}
        self._once: dict[tuple[str, str], list[Respond]] = {}
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def on(self, method: str, path: str, respond: Reply | Respond) -> None:
        """Answer these requests so, from now on."""
        self._routes[method, path] = respond if callable(respond) else _always(respond)

    def once(self, method: str, path: str, *replies: Reply | Respond) -> None:
        """Answer the next of these requests so, one reply each, before the route's own."""
        queue = self._once.setdefault((method, path), [])
        queue += [reply if callable(reply) else _always(reply) for reply in replies]

    def sent_to(self, path: str) -> list[Request]:
        """The requests for this path, in the order in which they came."""
        return [request for request in list(self.requests) if request.path == path]

    def wait_for(self, path: str, count: int = 1) -> list[Request]:
        """Wait until that many requests came for this path."""
        wait_for(lambda: len(self.sent_to(path)) >= count, f"{count} requests for {path}")
        return self.sent_to(path)

    def _respond(self, request: Request) -> Reply:
        key = request.method, request.path
        with self._lock:
            self.requests.append(request)
            waiting = self._once.get(key)
            respond = waiting.pop(0) if waiting else self._routes.get(key)
        return respond(request) if respond else as_json({"error": {"message": "Not Found"}}, 404)

    @contextmanager
    def _playing(self) -> Iterator[None]:
        with self._lock:
            self.running += 1
            self.most_running = max(self.most_running, self.running)
        try:
            yield
        finally:
            with self._lock:
                self.running -= 1

    def _opened(self, connection: socket.socket) -> None:
        with self._lock:
            self.connections += 1
            self._open.add(connection)

    def _closed(self, connection: socket.socket) -> None:
        with self._lock:
            self._open.discard(connection)

    def cut_all(self) -> None:
        """Close every connection at once, as when the server's process is killed."""
        with self._lock:
            connections, self._open = self._open, set()
        for connection in connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    played: Server

    def setup(self) -> None:
        self.played._opened(self.request)
        super().setup()

    def finish(self) -> None:
        self.played._closed(self.connection)
        with suppress(OSError):
            super().finish()

    def log_message(self, *_arguments: object) -> None:
        pass

    def handle(self) -> None:
        with suppress(OSError, _Left):
            if self.played.deaf:
                self._hold()
            super().handle()

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, self.path, headers, self._body(length))
        reply = self.played._respond(request)
        try:
            with self.played._playing():
                self._play(reply)
            request.complete = True
        except (OSError, _Left):
            self.close_connection = True
            request.left.set()

    do_GET = do_DELETE = do_HEAD = do_POST  # noqa: N815 - the names that http.server calls

    def _body(self, length: int) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(length)
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _play(self, reply: Reply) -> None:
        if not reply.raw:
            self._send_head(reply)
        chunked = reply.framing == "chunked" and not reply.raw
        for step in reply.steps:
            if isinstance(step, bytes):
                self._send(b"%x\r\n%b\r\n" % (len(step), step) if chunked and step else step)
            elif isinstance(step, threading.Event):
                if not step.wait(PATIENCE):
                    raise _Left
            elif isinstance(step, End):
                self._end(step)
                return
            else:
                self._pause(step)
        if chunked:
            self._send(b"0\r\n\r\n")
        if reply.raw or reply.framing == "close":
            self.close_connection = True

    def _send_head(self, reply: Reply) -> None:
        self.send_response_only(reply.status)
        self.send_header("Content-Type", reply.kind)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.framing == "chunked":
            self.send_header("Transfer-Encoding", "chunked")
        elif reply.framing == "length":
            self.send_header("Content-Length", str(sum(len(s) for s in reply.steps if isinstance(s, bytes))))
        else:
            self.send_header("Connection", "close")
        self.end_headers()

    def _send(self, data: bytes) -> None:
        self.connection.sendall(data)

    def _end(self, end: End) -> None:
        self.close_connection = True
        if end is End.HOLD:
            self._hold()
        elif end is End.RESET:  # closing with this option sends RST
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        else:
            self.connection.shutdown(socket.SHUT_RDWR)

    def _pause(self, seconds: float) -> None:
        """Raises _Left as soon as the client closes the connection."""
        if select.select([self.connection], [], [], seconds)[0] and not self._peek():
            raise _Left

    def _hold(self) -> None:
        """Until the client leaves, without reading what it sends. Raises _Left then."""
        leaving = select.poll()
        leaving.register(
            self.connection, getattr(select, "POLLRDHUP", 0)
        )  # Linux's; elsewhere POLLHUP comes anyway
        leaving.poll()
        raise _Left

    def _peek(self) -> bytes:
        data = b""
        with suppress(OSError):
            data = self.connection.recv(1, socket.MSG_PEEK)
        return data


class _Threads(socketserver.ThreadingMixIn):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def handle_error(self, *_arguments: Any) -> None:
        """A client that leaves is what tests want."""


class _Tcp(_Threads, socketserver.TCPServer):
    allow_reuse_address = True


class _Tcp6(_Tcp):
    address_family = socket.AF_INET6


@contextmanager
def serve(*, host: str = "127.0.0.1", port: int = 0, unix: str = "") -> Iterator[Server]:
    """Run a server until the block ends: on a free port of `host`, or at the Unix socket `unix`."""
    played = Server()
    handler = type("Handler", (_Handler,), {"played": played})
    if unix:
        listener = type("_Unix", (_Threads, socketserver.UnixStreamServer), {})(unix, handler)
        played.path, played.url = unix, "http://localhost"
    else:
        listener = (_Tcp6 if ":" in host else _Tcp)((host, port), handler)
        shown = f"[{host}]" if ":" in host else host
        played.url = f"http://{shown}:{listener.server_address[1]}"
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield played
    finally:
        listener.shutdown()
        listener.server_close()
        played.cut_all()
        thread.join()


if __name__ == "__main__":
    from tests.endpoints.dialects import read_dialect

    with serve(port=int(sys.argv[2]) if len(sys.argv) > 2 else 0) as running:
        read_dialect(sys.argv[1]).play_on(running)
        print(running.url, flush=True)
        threading.Event().wait()
