"""The view of a download, on stderr: bars that are redrawn on a terminal, one line every ten seconds elsewhere.

In: a stream of `events.PullEvent`. Out: its last event, `PullDone`. The rate is that of the last few seconds, so that a
resumed or stalled download shows what is happening now. stdout is not touched.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from mull.errors import MullError
from mull.events import Notice
from mull.fs.size import size_text
from mull.job_events import DownloadProgress, PullDone, PullEvent, PullStarted
from mull.terminal.console.quantities import duration
from mull.terminal.console.sanitize import one_line
from mull.terminal.console.streams import Streams
from mull.terminal.console.width import width
from mull.terminal.input.background import settle_theme_unasked
from mull.terminal.views.bars import Bar, bar_lines
from mull.terminal.views.base import View
from mull.terminal.views.status_line import FRAME_SECONDS, StatusLines

LINE_SECONDS = 10.0  # between two lines where nothing can be redrawn
RATE_SECONDS = 5.0  # that the rate looks back
MOST_FILES = 3  # with a bar each: as many as are downloaded at a time
FACTS = 48  # cells reserved for the text beside the bar, so that the bar does not change its length

T = TypeVar("T")


def download_view(
    streams: Streams, *, quiet: bool = False, clock: Callable[[], float] = time.monotonic
) -> View[PullEvent, PullDone]:
    """Draw a pull to its end. The line is removed when the view returns or raises."""

    def show(events: Iterable[PullEvent]) -> PullDone:
        progress = _Progress(streams, clock, quiet=quiet)
        pulled: PullDone | None = None
        for event in _drawn(events, progress):
            match event:
                case Notice() if not quiet:
                    streams.note(event.text)
                case PullStarted():
                    progress.start(event)
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

    return show


def watch(
    values: Iterable[DownloadProgress | T], streams: Streams, model: str, *, quiet: bool = False
) -> Iterator[T]:
    """Draw the `DownloadProgress` among other values, and yield the others."""
    progress = _Progress(streams, time.monotonic, quiet=quiet)
    progress.name(model)
    yield from _drawn(values, progress)


def _drawn(values: Iterable[DownloadProgress | T], progress: _Progress) -> Iterator[T]:
    """The line is removed before any other value is yielded, and at the end."""
    try:
        for value in values:
            if isinstance(value, DownloadProgress):
                progress.show(value)
            else:
                progress.line.clear()
                yield value
    finally:
        progress.line.clear()


class _Progress:
    """The progress of one model's files: the rate, the time left, and when to draw."""

    def __init__(self, streams: Streams, clock: Callable[[], float], *, quiet: bool) -> None:
        self.line = StatusLines(streams, quiet=quiet)
        self._streams = streams
        self._clock = clock
        self._model = ""
        self._next = 0.0  # when to draw again
        self._seen: deque[tuple[float, int]] = deque()  # times and bytes done, of the last seconds
        self._doing = ""

    def name(self, model: str) -> None:
        self._model = one_line(model)
        self._next = self._clock() + (0.0 if self.line.moves else LINE_SECONDS)

    def start(self, plan: PullStarted) -> None:
        self.name(plan.model)
        if self.line.quiet:
            return
        parts = f" in {plan.files} files" if plan.files > 1 else ""
        here = f", {size_text(plan.present)} already downloaded" if plan.present else ""
        self._streams.note(f"{self._model}: {size_text(plan.bytes)}{parts}{here}")

    def show(self, now: DownloadProgress) -> None:
        at = self._clock()
        if now.doing != self._doing or (self._seen and now.done < self._seen[-1][1]):
            self._doing = now.doing  # an earlier rate says nothing about the new phase
            self._seen.clear()
        self._seen.append((at, now.done))
        while len(self._seen) > 2 and at - self._seen[0][0] > RATE_SECONDS:
            self._seen.popleft()
        if at < self._next:
            return
        if self.line.moves:
            self._next = at + FRAME_SECONDS
            self.line.draw(self._frame(now))
        else:
            self._next = at + LINE_SECONDS
            self.line.write(f"{self._model}: {'  '.join(_facts(now, self._rate()))}")

    def _rate(self) -> float:
        """Bytes per second; 0.0 while it is unknown."""
        (first, before), (last, after) = self._seen[0], self._seen[-1]
        return (after - before) / (last - first) if last - first > 0.5 else 0.0

    def _frame(self, now: DownloadProgress) -> list[str]:
        """A bar of the whole model; with several files also those that are under way."""
        settle_theme_unasked(self._streams)
        under_way = [file for file in now.files if 0 < file.done < file.total]
        files = [
            Bar(name, done, total, [_share(done, total)]) for name, done, total in under_way[-MOST_FILES:]
        ]
        facts = _facts(now, self._rate())
        if files or width("  ".join(facts)) > self._streams.width - 1:  # the total is in the line above
            facts = _facts(now, self._rate(), short=True)
        return bar_lines(
            self._streams, [*files, Bar(self._model, now.done, now.total, facts)], reserved=FACTS
        )


def _facts(now: DownloadProgress, rate: float, *, short: bool = False) -> list[str]:
    """`45%  5.4 GB of 12.1 GB  85.0 MB/s  1 min 20 s left`; `short`: without the total."""
    done = size_text(now.done) if short else f"{size_text(now.done)} of {size_text(now.total)}"
    words = [_share(now.done, now.total), done]
    if now.doing != "downloading":
        words.append(one_line(now.doing))
    if rate > 0:
        words += [f"{size_text(int(rate))}/s", f"{duration((now.total - now.done) / rate, 0)} left"]
    return words


def _share(done: int, total: int) -> str:
    return f"{int(100 * done / total) if total else 100:3d}%"
