"""One request to a server of `serving.py`: HTTP/1.0, whose responses end with their connections.

In: where the server listens, a request. Out: a `Response` that is read as it arrives. Raises `Gone`, `Silent`,
Interrupted, and ServerError for a status that is no success. `endpoints/http.py` speaks with any server; what it takes
to import `http.client`, with its mail parser and TLS, is a tenth of the processor time of a short question.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from typing import IO, Any

from mull.control import TurnControl
from mull.endpoints.connect import connect
from mull.endpoints.failures import refusal
from mull.endpoints.url import parse
from mull.endpoints.wire import Wire
from mull.fs.json_text import parse_json

NAME = "The server that keeps the model loaded"  # in messages


class Gone(Exception):
    """Nothing listens there, or the connection broke."""


class Silent(Exception):
    """A server is there, and does not answer in time."""


class Response:
    """A response whose headers have come; their names are in lower case."""

    key = ""  # none is sent

    def __init__(self, wire: Wire, seconds: float) -> None:
        self._wire = wire
        self._seconds = seconds
        self._file: IO[bytes] = wire.makefile("rb")
        _, status, *_ = (*self._file.readline().split(), b"", b"")
        if not status.isdigit():
            raise ConnectionResetError
        self.status = int(status)
        self.headers: dict[str, str] = {}
        for line in iter(self._file.readline, b"\r\n"):
            if not line:
                raise ConnectionResetError
            name, _, value = line.decode("latin-1").partition(":")
            self.headers[name.lower()] = value.strip()

    def lines(self) -> Iterator[bytes]:
        """The lines as they arrive, without their ends."""
        return (line.rstrip(b"\n") for line in self._file)

    def renew(self) -> None:
        """A part of the answer has come: the time limit begins again."""
        self._wire.allow(self._seconds)

    def json(self) -> Any:
        """The body, parsed."""
        try:
            return parse_json(self._file.read())
        except ValueError:  # it was cut
            raise ConnectionResetError from None


@contextmanager
def exchange(
    address: str,
    method: str,
    path: str,
    body: Mapping[str, Any] | None,
    *,
    control: TurnControl | None,
    seconds: float,
) -> Iterator[Response]:
    """Send a request; inside, its response can be read. `seconds`: for all of it, until `Response.renew`."""
    data = b"" if body is None else json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
    head = f"{method} {path} HTTP/1.0\r\nContent-Length: {len(data)}\r\n\r\n"
    try:
        with closing(connect(parse(address), control, private=False)) as connection:
            wire = Wire(connection.socket, control)
            wire.allow(seconds)
            with suppress(BrokenPipeError, ConnectionResetError):  # it may have answered before it closed
                wire.sendall(head.encode() + data)
            response = Response(wire, seconds)
            if response.status >= 300:
                raise refusal(response.status, response.json(), response.headers, NAME, "")
            yield response
    except TimeoutError as error:
        raise Silent from error
    except OSError as error:
        raise Gone from error
