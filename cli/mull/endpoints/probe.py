"""Ask many endpoints at once whether they answer, what they are and which models they have, within a time limit.

In: endpoints. Out: a `Report` for each. A server that fails or is too slow is a report with an error, never an
exception. Raises Interrupted once the control is stopped.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Sequence
from contextlib import suppress

from mull.control import TurnControl
from mull.dataclass import dataclass
from mull.endpoints.endpoint import Endpoint
from mull.endpoints.errors import ServerError
from mull.endpoints.http import Client
from mull.endpoints.kind import Server, look
from mull.errors import Interrupted, MullError

PROBE_SECONDS = 5.0
"""What people wait for `mull endpoints`; a server that needs longer is reported as one that does not respond."""
_PAUSE = 0.05  # seconds between two looks at the control


@dataclass(frozen=True, slots=True)
class Report:
    """What an endpoint answered: `server`, or the `error` in its place. `seconds`: until it was known."""

    endpoint: Endpoint
    server: Server | None
    error: MullError | None
    seconds: float

    @property
    def models(self) -> tuple[str, ...]:
        """The names of its models."""
        return tuple(model.name for model in self.server.models) if self.server else ()


def probe(
    endpoints: Sequence[Endpoint], control: TurnControl | None = None, *, seconds: float = PROBE_SECONDS
) -> list[Report]:
    """A report for each endpoint, in their order. All are asked at the same time, for at most `seconds`."""
    ours = TurnControl()  # ends the requests that are still waiting when the time is up
    found: queue.SimpleQueue[tuple[int, Report]] = queue.SimpleQueue()
    for number, endpoint in enumerate(endpoints):
        ask = (number, endpoint, ours, found)
        threading.Thread(target=_ask, args=ask, name="mull-probe", daemon=True).start()
    end = time.monotonic() + seconds
    reports: dict[int, Report] = {}
    try:
        while len(reports) < len(endpoints) and (left := end - time.monotonic()) > 0:
            if control is not None and control.stopped:
                raise Interrupted
            with suppress(queue.Empty):
                number, report = found.get(timeout=min(_PAUSE, left))
                reports[number] = report
    finally:
        ours.stop()
    return [reports.get(number) or _late(one, seconds) for number, one in enumerate(endpoints)]


def _ask(
    number: int, endpoint: Endpoint, control: TurnControl, found: queue.SimpleQueue[tuple[int, Report]]
) -> None:
    began = time.monotonic()
    server: Server | None = None
    failure: MullError | None = None
    try:
        server = look(Client.of(endpoint), control)
    except MullError as error:
        failure = error
    found.put((number, Report(endpoint, server, failure, time.monotonic() - began)))


def _late(endpoint: Endpoint, seconds: float) -> Report:
    error = ServerError(
        "connection_timeout",
        f"{endpoint.name} does not respond within {seconds:g} s.",
        "Check that the server runs and is not busy with others.",
        transient=True,
    )
    return Report(endpoint, None, error, seconds)
