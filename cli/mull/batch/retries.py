"""Lines that are asked again because what failed may pass: a busy server, a restart, a lost connection.

In: failed lines with their errors. Out: the lines whose time has come. Each waits twice as long as the time before,
with jitter; a server that says how long to wait (Retry-After) is asked nothing until then. Once nothing has succeeded
for `PATIENCE` seconds, failures are final at once, so that a batch ends soon after its server did.
"""

from __future__ import annotations

import heapq
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from mull.batch.lines import Line
from mull.endpoints.errors import ServerError
from mull.errors import MullError

ATTEMPTS = 7  # after the first, of a line; a server that is merely busy does not use them up
FIRST_DELAY, LONGEST_DELAY = 0.5, 30.0  # seconds
PATIENCE = (
    120.0  # seconds without any success, waits that the server asked for left out; limits are per minute
)
LONGEST_ASKED = 300.0  # seconds of such waits without any success
MOST_WAITING = 64  # lines: until fewer wait, no new ones are asked


@dataclass(order=True, slots=True)
class _Waiting:
    due: float  # a reading of the clock
    index: int
    line: Line = field(compare=False)


class Retries:
    """The lines that wait, and when the server may be asked."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._waiting: list[_Waiting] = []
        self._attempts: dict[int, int] = {}  # by the line's index
        self._quiet_until = 0.0  # the server asked for that
        self._failing_since: float | None = None
        self._asked_for = 0.0  # seconds of waits since then

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def oldest(self) -> int | None:
        """The lowest index of a line that waits."""
        return min((one.index for one in self._waiting), default=None)

    @property
    def allows_more(self) -> bool:
        """Whether a line may be asked for the first time now."""
        return len(self._waiting) < MOST_WAITING and self._clock() >= self._quiet_until

    def succeeded(self, index: int) -> None:
        """The server answered a line, if only with a refusal of this one."""
        self._failing_since, self._asked_for = None, 0.0
        self._attempts.pop(index, None)

    def put(self, index: int, line: Line, error: MullError) -> bool:
        """Whether the line will be asked again; False: the error is its result."""
        if not (isinstance(error, ServerError) and error.transient):
            self.succeeded(index)
            return False
        now, attempts = self._clock(), self._attempts.get(index, 0)
        if self._failing_since is None:
            self._failing_since = now
        asked = error.retry_after
        if asked is not None and now + asked > self._quiet_until:
            self._asked_for += now + asked - max(now, self._quiet_until)
        if self._hopeless(now, attempts, error):
            self._attempts.pop(index, None)
            return False
        self._attempts[index] = attempts + 1
        self._quiet_until = max(self._quiet_until, now + (asked or 0.0))
        doubled = attempts if asked is None else 0  # else the server has said how long is enough
        delay = min(LONGEST_DELAY, FIRST_DELAY * 2**doubled) * random.uniform(0.5, 1.0)
        heapq.heappush(self._waiting, _Waiting(max(now, self._quiet_until) + delay, index, line))
        return True

    def take(self) -> tuple[int, Line] | None:
        """A line whose time has come, with its index."""
        if not self._waiting or self._waiting[0].due > self._clock() or self._clock() < self._quiet_until:
            return None
        one = heapq.heappop(self._waiting)
        return one.index, one.line

    def _hopeless(self, now: float, attempts: int, error: ServerError) -> bool:
        busy = error.status == 429 or error.retry_after is not None
        waited = now - (self._failing_since or now) - self._asked_for
        return (attempts >= ATTEMPTS and not busy) or waited > PATIENCE or self._asked_for > LONGEST_ASKED
