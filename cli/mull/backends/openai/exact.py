"""One turn on a mull of the same version: its very events, through the `mull` extension of the API."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from mull.api.request import request_body
from mull.backends.openai import failures
from mull.backends.openai.exact_events import exact_events
from mull.backends.openai.facts import Remote
from mull.backends.partial_turn import PartialTurn
from mull.control import TurnControl
from mull.endpoints.errors import ServerError
from mull.endpoints.http import Client, Response
from mull.errors import Interrupted, MullError
from mull.events import Done, Event, Finish, ThinkingDelta
from mull.messages import Message
from mull.settings import TurnSettings

GRACE_SECONDS = 0.1
"""After a stop, until the server has reported how the turn ended; the whole stop has 0.2 s."""


class _Grace(TurnControl):
    """The control of the connection: stopped a little after the turn's own."""

    def __init__(self, control: TurnControl) -> None:
        super().__init__()
        self._control = control
        self._since: float | None = None

    @property
    def stopped(self) -> bool:
        if not self._control.stopped:
            return False
        self._since = self._since or time.monotonic()
        return time.monotonic() - self._since > GRACE_SECONDS


def run_exact(
    client: Client, remote: Remote, messages: Sequence[Message], settings: TurnSettings, control: TurnControl
) -> Iterator[Event]:
    """Run one turn. Raises what the server's own turn raises, and ServerError, before the first token only."""
    request = request_body(remote.model, messages, settings, extended=True)
    turn = _ExactTurn(client, remote, settings, control)
    failure: MullError | None = None
    try:
        path = f"{client.url.api}/chat/completions"
        with client.request("POST", path, request, control=_Grace(control)) as response:
            yield from turn.read(response)
    except Interrupted:
        if not control.stopped:
            raise
    except MullError as error:
        failure = error
    if turn.done is None:
        if failure is not None and not turn.so_far.tokens:
            raise failure
        yield turn.cut(failure)


class _ExactTurn:
    """One turn's stream. `so_far`: what came of it. `done`: the end, once it was passed on."""

    def __init__(self, client: Client, remote: Remote, settings: TurnSettings, control: TurnControl) -> None:
        self._client = client
        self._remote = remote
        self._settings = settings
        self._control = control
        self._last: Done | None = None  # the server's, of a turn that was stopped here
        self.so_far = PartialTurn()
        self.done: Done | None = None

    def read(self, response: Response) -> Iterator[Event]:
        """The events of the stream, up to a stop."""
        asked = False
        for chunk, event in exact_events(response, self._client.name):
            if isinstance(event, Done):
                self._last = event
            if self._control.stopped:
                if self._last is not None:
                    return
                if not asked:
                    asked = True
                    self._ask(chunk, "stop")
                continue  # what came after the stop is not shown
            if isinstance(event, Done):
                self.done = event
                yield event
                return
            if event is not None:
                self.so_far.add(event)
                yield event
            if self._control.wants_answer and not asked and isinstance(event, ThinkingDelta):
                asked = True
                self._ask(chunk, "reasoning_end")
        if not self._control.stopped:
            raise failures.broken_off(self._client.name)

    def cut(self, failure: MullError | None) -> Done:
        """The end of a turn that was stopped, or broke off: with the texts that were passed on."""
        if failure is None and self._last is not None:
            return self.so_far.cut(self._last)
        finish: Finish = "interrupted" if failure is None else "error"
        return self.so_far.done(self._remote.model, self._settings.reasoning, finish, failure)

    def _ask(self, chunk: Mapping[str, Any], action: str) -> None:
        with suppress(ServerError):
            path = f"{self._client.url.api}/chat/completions/control"
            self._client.post_json(path, {"id": chunk.get("id"), "action": action}, seconds=5.0)
