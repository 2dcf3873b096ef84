"""Speak to one server: its status, turns, token counts. The event stream is the one that the server's engine made.

In: the path of its socket. Out: events and values. Raises `Gone` where no server listens or the connection breaks,
`Silent` where it does not answer, Interrupted, and what the server's own turn raised.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress
from typing import Any

from mull.api.errors import read_exact_error
from mull.api.request import request_body
from mull.backends.openai.exact_events import exact_events
from mull.control import TurnControl
from mull.endpoints.errors import ServerError
from mull.endpoints.http import Client, Response
from mull.errors import MullError
from mull.events import Done, Event
from mull.keep_alive.record import KeptServer
from mull.keep_alive.status import ANSWER_NOW, COMPLETIONS, CONTROL, PERSIST, STATUS, STOP, TOKENS, Status
from mull.messages import Message
from mull.settings import TurnSettings

ANSWER_SECONDS = 2.0  # for what a server answers at once, even while it computes
STOP_SECONDS = 1.0  # until a stopped turn has ended; then the connection is closed
TURN_SECONDS = 86_400.0  # of silence: a turn may wait for others, and a large prompt takes its time
LOOK_SECONDS, STOPPED_SECONDS = 0.5, 4.0  # how often the process is looked at, and how long it may be stopped


class Gone(Exception):
    """Nothing listens there, or the connection broke."""


class Silent(Exception):
    """A server is there, and does not answer in time."""


class KeptClient:
    """The server that listens at a Unix socket (or at a loopback port, with a token)."""

    def __init__(self, address: str, token: str = "") -> None:
        self.server: KeptServer | None = None  # its record, to see whether it was stopped
        self._client = Client(address, name="The server that keeps the model loaded")
        self._prefix = f"/{token}" if token else ""

    @classmethod
    def of(cls, server: KeptServer) -> KeptClient:
        """The client of a server with a record."""
        return cls(
            f"unix:{server.address}" if server.address.startswith("/") else server.address, server.token
        )

    def status(self, control: TurnControl | None = None, seconds: float = ANSWER_SECONDS) -> Status:
        return Status.from_object(self._call("GET", STATUS, None, control, seconds))

    def count_tokens(
        self, name: str, messages: Sequence[Message], settings: TurnSettings
    ) -> tuple[int, bool]:
        """The tokens of the prompt, and whether they were counted exactly. Raises what rendering raises."""
        body = request_body(name, messages, settings, extended=True)
        found = self._call("POST", TOKENS, body, None, TURN_SECONDS)
        return int(found["value"]), bool(found["exact"])

    def persist(self) -> None:
        """Let the server write its prompt cache, which it does after it has answered this."""
        self._call("POST", PERSIST, {}, None, ANSWER_SECONDS)

    def stream(
        self,
        name: str,
        messages: Sequence[Message],
        settings: TurnSettings,
        control: TurnControl,
        keep_alive: float,
    ) -> Generator[Event, None, None]:
        """One turn. Raises before its first event what the turn raised; Gone and Silent at any time."""
        body = request_body(name, messages, settings, extended=True)
        body["mull"]["keep_alive"] = keep_alive
        relay = _Relay(control, self)
        try:
            with self._client.request(
                "POST", self._prefix + COMPLETIONS, body, control=relay, seconds=TURN_SECONDS
            ) as response:
                relay.completion = response.headers.get("x-completion-id", "")
                yield from _events(response, self._client.name)
        except ServerError as error:
            raise _failure(error) from error

    def act(self, completion: str, action: str) -> None:
        """Stop a turn, or end its thinking. A server that does not answer is left alone."""
        self._call("POST", CONTROL, {"id": completion, "action": action}, None, STOP_SECONDS)

    def _call(
        self, method: str, path: str, body: dict[str, Any] | None, control: TurnControl | None, seconds: float
    ) -> Any:
        try:
            with self._client.request(
                method, self._prefix + path, body, control=control, seconds=seconds
            ) as response:
                found = response.json()
        except ServerError as error:
            raise _failure(error) from error
        _check(found)
        return found


class _Relay(TurnControl):
    """What the connection looks at while it waits: it passes the user's wishes on to the server.

    A stop ends the turn there, whose last events still come; only where they do not, the connection is given up.
    """

    def __init__(self, control: TurnControl, client: KeptClient) -> None:
        super().__init__()
        self.completion = ""
        self._control = control
        self._client = client
        self._sent: set[str] = set()
        self._until = 0.0
        self._looked = self._running = time.monotonic()

    @property
    def stopped(self) -> bool:
        self._look()
        if self._control.wants_answer and self.completion:
            self._send(ANSWER_NOW)
        if not self._control.stopped:
            return False
        if not self.completion:
            return True
        if STOP not in self._sent:
            self._until = time.monotonic() + STOP_SECONDS
            self._send(STOP)
        return time.monotonic() > self._until

    def _look(self) -> None:
        """Raise Silent where the server's process was stopped, and is not continued within some seconds."""
        now, server = time.monotonic(), self._client.server
        if server is None or now - self._looked < LOOK_SECONDS:
            return
        self._looked = now
        if server.state != "stopped":
            self._running = now
        elif now - self._running > STOPPED_SECONDS:
            raise Silent

    def _send(self, action: str) -> None:
        if action in self._sent:
            return
        self._sent.add(action)
        with suppress(MullError, Gone, Silent):  # then the stream itself ends, or is given up
            self._client.act(self.completion, action)


def _events(response: Response, name: str) -> Iterator[Event]:
    for _, event in exact_events(response, name):
        if event is not None:
            yield event
        if isinstance(event, Done):
            return
    raise Gone


def _check(value: dict[str, Any]) -> None:
    """Raise the error in a response, if there is one."""
    error = value.get("error")
    if isinstance(error, dict) and "mull" in error:
        raise read_exact_error(error["mull"])


def _failure(error: ServerError) -> Exception:
    if error.status is not None:
        return error
    return Silent() if error.code == "connection_timeout" else Gone()
