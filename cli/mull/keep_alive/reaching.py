"""Reach the server for a spec: the one that runs, or one that is started now.

In: a spec. Out: a client of a server that has loaded the model. A server that is gone is replaced, one that was stopped
is ended and replaced. Raises `Unavailable` where that does not help within some seconds, Interrupted, and what loading
the model raised in the server.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

from mull.control import TurnControl
from mull.errors import Interrupted, MullError
from mull.keep_alive import folder, record, stopping
from mull.keep_alive.client import Gone, KeptClient, Silent
from mull.keep_alive.folder import Place
from mull.keep_alive.spec import ServerSpec
from mull.keep_alive.starting import Starting
from mull.keep_alive.status import Status

START_SECONDS = 30.0  # until a process that was started listens; it takes half a second on an idle machine
SILENT_SECONDS = 8.0  # until a server that neither answers nor was stopped is left alone
STARTS = 2  # a server that ends at once is started again once
_PAUSE = 0.02  # seconds between two looks for a server that is starting
_LOADING_PAUSE = 0.05  # and between two questions how far it has loaded


class Unavailable(Exception):
    """No server can be used. Its text is a clause: "it ended at once"."""


class Reached:
    """A server that has loaded the model."""

    def __init__(self, client: KeptClient, status: Status, started: bool) -> None:
        self.client = client
        self.status = status
        self.started = started  # for this call


def reach(spec: ServerSpec, report: Callable[[float], None], control: TurnControl) -> Reached:
    """Wait until a server has loaded the model; `report` gets the loaded fraction meanwhile."""
    try:
        place = folder.place(spec.key)
    except OSError as error:
        raise Unavailable(error.strerror or str(error)) from error
    search = _Search(spec, place, control)
    while True:
        if control.stopped:
            raise Interrupted
        found = search.look()
        if found is None:
            time.sleep(_PAUSE)
            continue
        client, status = found
        if status.error is not None:
            raise status.error
        if status.ready:
            client.server = record.read(spec.key)
            return Reached(client, status, search.starts > 0)
        report(status.fraction)
        time.sleep(_LOADING_PAUSE)


class _Search:
    def __init__(self, spec: ServerSpec, place: Place, control: TurnControl) -> None:
        self._spec = spec
        self._place = place
        self._control = control
        self._starting: Starting | None = None
        self._until = 0.0
        self._silent_since: float | None = None
        self.starts = 0

    def look(self) -> tuple[KeptClient, Status] | None:
        """The server and its status; None while one is starting. Raises Unavailable."""
        try:
            if client := self._client():
                status = client.status(self._control)
                self._silent_since = None
                return client, status
        except Silent:
            self._replace_stopped()
            return None
        except (Gone, KeyError, TypeError, ValueError):
            pass
        self._start()
        return None

    def _client(self) -> KeptClient | None:
        if folder.is_own_socket(self._place.socket):
            return KeptClient(f"unix:{self._place.socket}")
        if not folder.HAS_UNIX_SOCKETS and (server := record.read(self._spec.key)):
            return KeptClient.of(server)
        return None

    def _start(self) -> None:
        now = time.monotonic()
        if self._starting is None or self._starting.ended:
            if self.starts == STARTS:
                raise Unavailable(self._last_words() or "its process ends at once")
            stopping.stop_other_versions(str(self._spec.path))
            try:
                self._starting = Starting(self._spec, self._place)
            except OSError as error:
                raise Unavailable(error.strerror or str(error)) from error
            self.starts += 1
            self._until = now + START_SECONDS
        elif now > self._until:
            raise Unavailable("its process does not start in time")

    def _replace_stopped(self) -> None:
        """End a server that was stopped, so that the next look starts another."""
        now = time.monotonic()
        self._silent_since = self._silent_since or now
        server = record.read(self._spec.key)
        if server is not None and server.state == "stopped":
            stopping.stop(server)
        elif now - self._silent_since > SILENT_SECONDS:
            raise Unavailable("its process does not answer")

    def _last_words(self) -> str:
        with suppress(OSError, MullError):
            lines = self._place.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            return lines[-1][:200].rstrip(".") if lines else ""
        return ""
