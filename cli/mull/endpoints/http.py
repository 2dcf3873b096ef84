"""The HTTP client for endpoints: one request at a time, over TCP, TLS or a Unix socket.

In: a server's address, the name of the variable with its key, a request. Out: a `Response` that is read as it arrives.
Raises ServerError, and Interrupted within 0.1 s of a stop: while connecting, while the server is silent, and between
any two pieces. The key is sent to the endpoint alone. Over a Unix socket `http.client` costs 28 ms of processor time to
import, 0.4 ms for the first request and 28 µs for each piece of a stream; httpx2 77 ms, 48 ms and 83 µs, and 11 MB.
"""

from __future__ import annotations

import http.client
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from types import TracebackType
from typing import Any, Self
from urllib.parse import urljoin, urlsplit

from mull.control import TurnControl
from mull.endpoints.connect import connect
from mull.endpoints.endpoint import TIMEOUT, Endpoint
from mull.endpoints.errors import ServerError
from mull.endpoints.failures import lost, no_answer, refusal, stalled
from mull.endpoints.url import ServerUrl, parse
from mull.endpoints.wire import Wire
from mull.errors import Interrupted, MullError

BODY_SECONDS = 60.0
BODY_BYTES = 16 << 20
LINE_BYTES = 8 << 20
REDIRECTS = 3
_PIECE = 1 << 16
_MOVED = {301, 302, 307, 308}


class Client:
    """The client of one endpoint. `name`: what messages call it; without one, its address.

    `key_env`: the variable with its key; `insecure`: send the key to public addresses without encryption; `timeout`:
    seconds that an answer may take to begin, and then each piece of it.
    """

    def __init__(
        self,
        url: str | ServerUrl,
        *,
        name: str = "",
        key_env: str | None = None,
        insecure: bool = False,
        timeout: float = TIMEOUT,
    ) -> None:
        self.url = parse(url) if isinstance(url, str) else url
        self.name = name or self.url.netloc
        self._timeout = timeout
        self._key_env = key_env
        self._insecure = insecure

    @classmethod
    def of(cls, endpoint: Endpoint) -> Self:
        """The client of a configured endpoint."""
        return cls(
            endpoint.url,
            name=endpoint.name,
            key_env=endpoint.key_env,
            insecure=endpoint.insecure,
            timeout=endpoint.timeout,
        )

    def get_json(
        self, path: str, control: TurnControl | None = None, *, seconds: float = BODY_SECONDS
    ) -> Any:
        """The JSON of a GET. Raises ServerError, also for a status that is no success."""
        with self.request("GET", path, control=control, seconds=seconds) as response:
            return response.json()

    def post_json(
        self,
        path: str,
        body: Mapping[str, Any],
        control: TurnControl | None = None,
        *,
        seconds: float = BODY_SECONDS,
    ) -> Any:
        """The JSON of a POST, as `get_json`."""
        with self.request("POST", path, body, control=control, seconds=seconds) as response:
            return response.json()

    def request(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        control: TurnControl | None = None,
        seconds: float | None = None,
    ) -> Response:
        """Send a request, and return its response once its headers have come. `path`: on the server, from its root.

        `seconds`: until the headers have to be there (None: the client's time limit), and then what `Response.lines`
        yields. Raises ServerError for a status that is no success. Redirects within the server are followed.
        """
        import json

        data = None if body is None else json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
        url, seconds = self.url, self._timeout if seconds is None else seconds
        for _ in range(REDIRECTS + 1):
            response = self._send(url, method, path, data, control, seconds)
            if response.status not in _MOVED:
                return self._checked(response)
            response.close()
            url, path = self._redirected(url, path, response.headers.get("location", ""))
        raise no_answer(self.name, "it redirects without end")

    @property
    def key(self) -> str:
        """The key, "" for none. Raises ServerError where its variable is not set or holds something else."""
        if not self._key_env:
            return ""
        key = os.environ.get(self._key_env, "").strip()
        if not key:
            raise ServerError(
                "endpoint_key",
                f"{self._key_env}, which is to hold the key of {self.name}, is not set.",
                f"Set it: export {self._key_env}=…",
            )
        if not (key.isascii() and key.isprintable()):
            raise ServerError(
                "endpoint_key",
                f"{self._key_env} holds characters that no key has.",
                "Copy the key again, without quotes or line breaks.",
            )
        return key

    def _send(
        self,
        url: ServerUrl,
        method: str,
        path: str,
        data: bytes | None,
        control: TurnControl | None,
        seconds: float,
    ) -> Response:
        key = self.key
        headers = {"Accept": "text/event-stream, application/json", "User-Agent": "mull"}
        if data is not None:
            headers["Content-Type"] = "application/json; charset=utf-8"
        if key:
            headers["Authorization"] = f"Bearer {key}"
        private = bool(key) and url.scheme == "http" and not url.socket and not self._insecure
        sent = False
        try:
            reached = connect(url, control, private=private)
            wire = Wire(reached.socket, control)
            wire.allow(seconds)
            sent = True
            if reached.via:
                path, headers = f"http://{url.netloc}{path}", {**headers, **reached.headers}
            link = _Link("localhost" if url.socket else url.host, url.port, wire)
            link.default_port = 443 if url.scheme == "https" else 80
            try:
                with suppress(BrokenPipeError, ConnectionResetError):  # it may have answered before it closed
                    link.request(method, path, data, headers)
                return Response(link, wire, self.name, key, seconds)
            except BaseException:
                wire.disconnect()
                raise
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise lost(error, self.name, sent=sent) from error

    def _checked(self, response: Response) -> Response:
        if 200 <= response.status < 300:
            return response
        if 300 <= response.status < 400:
            response.close()
            raise no_answer(self.name, f"it redirects with HTTP {response.status}")
        with response:
            raise refusal(response.status, response.words(), response.headers, self.name, response.key)

    def _redirected(self, url: ServerUrl, path: str, location: str) -> tuple[ServerUrl, str]:
        """The address that a redirect leads to: on the same host and port, or the same host's https."""
        whole = urljoin(f"{url.scheme}://{url.netloc}{path}", location)
        try:
            target = parse(whole)
        except MullError:
            raise no_answer(self.name, "it redirects to no address") from None
        to_https = url.scheme == "http" and target.scheme == "https"
        same = url.host == target.host and (
            to_https or (url.scheme, url.port) == (target.scheme, target.port)
        )
        if url.socket or not same:
            raise ServerError(
                "endpoint_moved",
                f"{self.name} redirects to {target.scheme}://{target.netloc}, where mull sends nothing by itself.",
                "If you trust that address, name it as the endpoint's url.",
            )
        return replace(url, scheme=target.scheme, port=target.port), urlsplit(whole).path or "/"


class Response:
    """A response whose headers have come. Close it, also before its end: that ends the server's work on it."""

    def __init__(self, link: _Link, wire: Wire, name: str, key: str, seconds: float) -> None:
        self._link = link
        self._wire = wire
        self._name = name
        self._seconds = seconds
        self._began = False  # some of the body has come
        self.key = key
        self._response = link.getresponse()
        self.status = self._response.status
        self.headers = {name.lower(): value for name, value in self._response.headers.items()}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._response.close()
        self._link.close()
        self._wire.disconnect()

    def lines(self) -> Iterator[bytes]:
        """The lines as they arrive, without their ends (LF, CR LF or CR); what follows the last end is one too.

        All of them have to come within the time limit, which `renew` starts again: what a server sends to keep the
        connection open does not. Raises ServerError then, for a line of more than `LINE_BYTES`, and where the
        connection breaks.
        """
        from mull.endpoints.lines import LineSplitter

        splitter = LineSplitter(LINE_BYTES)
        self.renew()
        while piece := self._read(stalled):
            try:
                found = splitter.feed(piece)
            except ValueError:
                raise no_answer(self._name, "a line is longer than 8 MB") from None
            yield from found
        yield from splitter.finish()

    def renew(self) -> None:
        """A part of the answer has come: the time limit begins again."""
        self._wire.allow(self._seconds)

    def hurry(self, seconds: float) -> None:
        """What is left to read has to come within this time, from now and from each `renew` on."""
        self._seconds = min(self._seconds, seconds)
        self.renew()

    def body(self, *, most: int = BODY_BYTES) -> bytes:
        """The whole body. Raises ServerError for one of more than `most` bytes."""
        self._wire.allow(min(self._seconds, BODY_SECONDS))
        pieces, size = [], 0
        while piece := self._read():
            pieces.append(piece)
            size += len(piece)
            if size > most:
                raise no_answer(self._name, f"it is longer than {most >> 20} MB")
        return b"".join(pieces)

    def json(self) -> Any:
        """The body, parsed. Raises ServerError for anything but JSON."""
        from mull.fs.json_text import parse_json

        try:
            return parse_json(self.body())
        except ValueError:
            raise no_answer(self._name, "it is not JSON") from None

    def words(self) -> Any:
        """The body of a failure: its JSON, or its text, or "" where it breaks."""
        from mull.fs.json_text import parse_json

        try:
            data = self.body(most=1 << 20)
        except Interrupted:
            raise
        except MullError:
            return ""
        try:
            return parse_json(data)
        except ValueError:
            return data.decode("utf-8", "replace")

    def _read(self, late: Callable[[str, float], ServerError] | None = None) -> bytes:
        """The next bytes. `late`: the error for a time limit that has passed."""
        try:
            piece = self._response.read1(_PIECE)
        except TimeoutError as error:
            raise (late(self._name, self._seconds) if late else lost(error, self._name, sent=True)) from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise lost(error, self._name, sent=True) from error
        # Bytes that its headers promised, or headers that were cut: http.client takes those for whole.
        delimited = self._response.chunked or self._response.length is not None
        if not piece and (self._response.length or not (delimited or self._began)):
            raise lost(ConnectionResetError(), self._name, sent=True)
        self._began = True
        return piece


class _Link(http.client.HTTPConnection):
    """`http.client` over a connection that exists already."""

    def __init__(self, host: str, port: int, wire: Wire) -> None:
        super().__init__(host, port)
        self.sock = wire  # what it needs of a socket
        self.auto_open = 0
