"""A download on stderr: one line that moves on a terminal, one line every ten seconds elsewhere.

In: a stream of `transfers` values. Out:
the last of them, `PullDone`. The rate is that of the last few seconds, so that a
resumed or stalled download shows what is happening now. stdout is not touched.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from mull.errors import MullError
from mull.events import DownloadProgress, Notice, PullDone, PullEvent, PullStarted
from mull.fs.size import size_text
from mull.terminal.console.sanitize import one_line
from mull.terminal.console.streams import Streams
from mull.terminal.console.width import clip, width

EVERY = 10.0  # seconds between two lines where nothing can move
FRAME = 0.1  # seconds between two frames where it can
WINDOW = 5.0  # seconds that the rate looks back
BAR = 24  # cells, at most
SHORTEST = 6  # cells; a shorter bar says nothing
FACTS = 48  # cells kept for what stands beside the bar, so that it does not change its length

T = TypeVar("T")


def show(
    events: Iterable[PullEvent],
    streams: Streams,
    *,
    quiet: bool = False,
    clock: Callable[[], float] = time.monotonic,
) -> PullDone:
    """Draw a pull to its end. The line is gone when this returns or raises."""
    line = _Line(streams, clock, quiet=quiet)
    pulled: PullDone | None = None
    for event in _drawn(events, line):
        match event:
            case Notice() if not quiet:
                streams.note(event.text)
            case PullStarted():
                line.start(event)
            case PullDone():
                pulled = event
            case _:
                pass
    if pulled is None:
        raise MullError(
            "internal_error",
            "The download ended without a result.",
            "This is a bug in mull; please report it.",
        )
    return pulled


def watch(
    values: Iterable[DownloadProgress | T], streams: Streams, model: str, *, quiet: bool = False
) -> Iterator[T]:
    """Draw the `DownloadProgress` among other values, which are handed on."""
    line = _Line(streams, time.monotonic, quiet=quiet)
    line.name(model)
    yield from _drawn(values, line)


def _drawn(values: Iterable[DownloadProgress | T], line: _Line) -> Iterator[T]:
    """The moving line stands aside whenever something else comes, and is gone at the end."""
    try:
        for value in values:
            if isinstance(value, DownloadProgress):
                line.move(value)
            else:
                line.clear()
                yield value
    finally:
        line.clear()


class _Line:
    """The moving line, or its stand-in."""

    def __init__(self, streams: Streams, clock: Callable[[], float], *, quiet: bool) -> None:
        self._streams = streams
        self._clock = clock
        self._quiet = quiet
        self._model = ""
        self._drawn = False
        self._next = 0.0
        self._seen: deque[tuple[float, int]] = deque()
        self._doing = ""

    def name(self, model: str) -> None:
        self._model = one_line(model)
        self._next = self._clock() + (0.0 if self._streams.stderr_live else EVERY)

    def start(self, plan: PullStarted) -> None:
        self.name(plan.model)
        if self._quiet:
            return
        parts = f" in {plan.files} files" if plan.files > 1 else ""
        here = f", {size_text(plan.present)} of it already here" if plan.present else ""
        self._streams.note(f"{self._model}: {size_text(plan.bytes)}{parts}{here}")

    def move(self, now: DownloadProgress) -> None:
        at = self._clock()
        if now.doing != self._doing or (self._seen and now.done < self._seen[-1][1]):
            self._doing = now.doing  # what was measured before says nothing about what comes
            self._seen.clear()
        self._seen.append((at, now.done))
        while len(self._seen) > 2 and at - self._seen[0][0] > WINDOW:
            self._seen.popleft()
        if self._quiet or at < self._next:
            return
        if self._streams.stderr_live:
            self._next = at + FRAME
            self._write("\r" + self._frame(now) + "\x1b[K")
            self._drawn = True
        else:
            self._next = at + EVERY
            self._write(f"{self._model}: {_facts(now, self._rate())}\n")

    def clear(self) -> None:
        if self._drawn:
            self._write("\r\x1b[K")
            self._drawn = False

    def _rate(self) -> float:
        """Bytes per second; 0.0 while it is not known."""
        (first, before), (last, after) = self._seen[0], self._seen[-1]
        return (after - before) / (last - first) if last - first > 0.5 else 0.0

    def _frame(self, now: DownloadProgress) -> str:
        style = self._streams.stderr_style
        room = self._streams.width - 1
        facts = _facts(now, self._rate())
        if width(facts) > room:  # the total stands in the line above
            facts = clip(_facts(now, self._rate(), short=True), room)
        name = f"{self._model}  "
        bar = min(BAR, room - width(name) - 2 - max(FACTS, width(facts)))
        if bar < SHORTEST:
            return facts
        filled = round(bar * now.done / now.total) if now.total else bar
        full, empty = ("━", "─") if self._streams.unicode else ("#", "-")
        return f"{name}{style(full * filled, 'accent')}{style(empty * (bar - filled), 'dim')}  {facts}"

    def _write(self, text: str) -> None:
        try:
            self._streams.stderr.write(text)
            self._streams.stderr.flush()
        except (OSError, ValueError):  # nobody watches; the download goes on
            self._quiet = True


def _facts(now: DownloadProgress, rate: float, *, short: bool = False) -> str:
    """`45%  5.4 GB of 12.1 GB  85.0 MB/s  1 min 20 s left`; `short`: without the total."""
    share = f"{int(100 * now.done / now.total) if now.total else 100:3d}%"
    words = [share, size_text(now.done) if short else f"{size_text(now.done)} of {size_text(now.total)}"]
    if now.doing != "downloading":
        words.append(one_line(now.doing))
    if rate > 0:
        words += [f"{size_text(int(rate))}/s", f"{seconds_text((now.total - now.done) / rate)} left"]
    return "  ".join(words)


def seconds_text(seconds: float) -> str:
    """A duration in words."""
    whole = int(seconds + 0.5)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
