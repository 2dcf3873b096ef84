"""A batch's lines as turns of a backend: lines in, an answer or an error for each out, in the order they finish.

The backend takes a line's turn whenever it has capacity and runs many in parallel; what fails in one line is the
result of that line alone, and a failure that may pass has it asked again (`retries.py`). It never writes and never
reorders; it limits how far the newest line may run ahead of the oldest unfinished one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from typing import Protocol

from mull.backends.base import ChatBackend, TurnRequest
from mull.batch.lines import Line
from mull.batch.retries import Retries
from mull.control import TurnControl
from mull.dataclass import dataclass
from mull.errors import MullError
from mull.events import AnswerDelta, Done, Event, ThinkingDelta
from mull.messages import Message
from mull.settings import TurnSettings

Asked = tuple[list[Message], TurnSettings]


class LineSource(Protocol):
    """Where lines come from: a `LineReader`, or questions of which some have further turns."""

    @property
    def ended(self) -> bool:
        """No more lines will come."""

    def take(self, *, wait: bool) -> Line | None:
        """The next line, or None if there is none at the moment. With `wait` it may block for up to 0.1 s."""


AHEAD = 1024
"""Lines that may be started after the oldest unfinished one, where results have to wait for their turn."""

_ERRORS_AT_ONCE = 64  # bad lines passed over before the backend gets back control
_POLL = 0.1  # seconds that `take` blocks at most


@dataclass(frozen=True, slots=True)
class Answered:
    """A line's result: the turn's end, or the error before it. `index` counts the lines that were asked, from 0."""

    index: int
    line: Line
    result: Done | MullError


@dataclass(slots=True)
class _Running:
    line: Line
    thinking_tokens: int = 0
    answer_tokens: int = 0


class Scheduler:
    """Answers the lines of a source. `settle` makes messages and settings of a line, or raises MullError.

    `ahead`: the most lines to start after the oldest unfinished one; None: no limit.
    """

    def __init__(
        self,
        reader: LineSource,
        backend: ChatBackend,
        settle: Callable[[Line], Asked],
        control: TurnControl,
        *,
        ahead: int | None,
    ) -> None:
        self._reader = reader
        self._backend = backend
        self._settle = settle
        self._control = control
        self._ahead = ahead
        self._count = 0
        self._finished_tokens = 0
        self._running: dict[int, _Running] = {}
        self._retries = Retries()
        self._failed: list[Answered] = []  # lines with an error, not reported yet

    @property
    def model(self) -> str:
        return self._backend.name

    @property
    def tokens(self) -> int:
        """Tokens generated so far, over all lines."""
        return self._finished_tokens + sum(
            one.thinking_tokens + one.answer_tokens for one in self._running.values()
        )

    @property
    def waiting(self) -> int:
        """Lines that failed and will be asked again."""
        return len(self._retries)

    def run(self) -> Generator[Answered | None, None, None]:
        """Yield results, and None several times a second, until all lines have one or the control is stopped."""
        with closing(self._backend.stream_many(self, self._control)) as events:
            for item in events:
                yield from self._failures()
                if item is None:
                    yield None
                    continue
                index, event = item
                if isinstance(event, Done | MullError):
                    yield from self._finish(index, event)
                else:
                    self._count_tokens(self._running[index], event)
        yield from self._failures()

    # What the backend takes turns from (`TurnSource`).

    @property
    def ended(self) -> bool:
        return self._reader.ended and not self._retries

    def take(self, *, wait: bool) -> TurnRequest | None:
        while not self._control.stopped and len(self._failed) < _ERRORS_AT_ONCE:
            next_ = self._retries.take() or self._next_line(wait=wait)
            if next_ is None:
                return None
            index, line = next_
            try:
                if line.error is not None:
                    raise line.error
                messages, settings = self._settle(line)
            except MullError as error:
                self._failed.append(Answered(index, line, error))
                continue
            self._running[index] = _Running(line)
            return TurnRequest(index, messages, settings)
        return None

    def _next_line(self, *, wait: bool) -> tuple[int, Line] | None:
        """A line that was not asked before, if one may start."""
        oldest = min(self._running, default=self._count)
        if (waiting := self._retries.oldest) is not None:
            oldest = min(oldest, waiting)
        ahead = self._ahead is None or self._count - oldest < self._ahead
        if self._reader.ended or not (ahead and self._retries.allows_more):
            if wait and not self.ended:
                time.sleep(_POLL)
            return None
        line = self._reader.take(wait=wait)
        if line is None:
            return None
        index, self._count = self._count, self._count + 1
        return index, line

    # Results.

    def _failures(self) -> Iterator[Answered]:
        while self._failed:
            yield self._failed.pop(0)

    def _finish(self, index: int, result: Done | MullError) -> Iterator[Answered]:
        running = self._running.pop(index)
        error = result if isinstance(result, MullError) else result.error
        if error is None:
            self._retries.succeeded(index)
        elif self._retries.put(index, running.line, error):
            return
        if isinstance(result, Done):
            self._finished_tokens += result.usage.thinking + result.usage.answer
        yield Answered(index, running.line, result)

    def _count_tokens(self, running: _Running, event: Event) -> None:
        if isinstance(event, ThinkingDelta):
            running.thinking_tokens = event.tokens
        elif isinstance(event, AnswerDelta):
            running.answer_tokens = event.tokens
