"""The progress of a batch, an evaluation or a benchmark on stderr: a bar that is redrawn, and a line that stays.

In: a model's loading events, and `events.BatchProgress` values. Out: lines done, failures, tokens per second, time
left. Where the cursor cannot be moved only the last line is written; with `quiet`, nothing. stdout is not touched.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from mull.events import Event, Loading, Notice, Waiting
from mull.job_events import BatchProgress
from mull.terminal.console.quantities import counted, duration, token_count
from mull.terminal.console.sanitize import one_line
from mull.terminal.console.streams import Streams
from mull.terminal.console.width import clip
from mull.terminal.input.background import settle_theme_unasked
from mull.terminal.views.bars import Bar, bar_lines
from mull.terminal.views.status_line import FRAME_SECONDS, StatusLines
from mull.terminal.views.turn_bar import waiting_text


class ProgressLine:
    """`clear` it before anything else is written to the terminal. `noun`: what is counted, in the singular."""

    def __init__(self, streams: Streams, *, quiet: bool, noun: str = "line") -> None:
        self._noun = noun
        self._line = StatusLines(streams, quiet=quiet)
        self._streams = streams
        self._quiet = quiet
        self._next = 0.0

    def show_loading(self, events: Iterable[Event]) -> None:
        """Show the events of a load; notices stay on the screen, with `quiet` there are none.

        Raises what loading raises, without the line.
        """
        try:
            for event in events:
                if isinstance(event, Notice):
                    self.clear()
                    if not self._quiet:
                        self._streams.note(event.text)
                elif isinstance(event, Loading):
                    percent = f"{int(100 * event.fraction)}%"
                    self._draw(Bar(f"loading {event.model}", event.fraction, 1, [percent]))
                elif isinstance(event, Waiting):
                    self.doing(waiting_text(event))
        finally:
            self.clear()

    def doing(self, text: str) -> None:
        """Show what is being done, in a few words."""
        if self._line.moves and not self._quiet:
            self._line.draw([clip(one_line(text), self._streams.width - 1)])

    def show(self, progress: BatchProgress, name: str = "") -> None:
        """Draw at most ten times a second; calls in between cost nothing. `name`: of what is in progress."""
        self._draw(Bar(name, progress.done, progress.total or 0, _facts(progress, self._noun)))

    def _draw(self, bar: Bar) -> None:
        now = time.monotonic()
        if now >= self._next and self._line.moves and not self._quiet:
            settle_theme_unasked(self._streams)
            self._line.draw(bar_lines(self._streams, [bar]))
            self._next = now + FRAME_SECONDS

    def clear(self) -> None:
        self._line.clear()

    def finish(self, progress: BatchProgress) -> None:
        """Replace the line by the summary, which stays."""
        self.clear()
        if not self._quiet:
            self._streams.note(_sentence(progress, self._noun))


def _facts(progress: BatchProgress, noun: str) -> list[str]:
    """The most important first: a narrow window cuts off the rest."""
    if progress.total is None:
        facts = [counted(progress.done, noun)]
    else:
        facts = [f"{progress.done:,}/{counted(progress.total, noun)}"]
    if progress.failed:
        facts.append(f"{progress.failed:,} failed")
    if progress.waiting:
        facts.append(f"{progress.waiting:,} to ask again")
    if progress.rate:
        facts.append(f"{progress.rate:.0f} tokens/s")
    if progress.seconds_left is not None:
        facts.append(f"{duration(progress.seconds_left, 0)} left")
    return facts


def _sentence(progress: BatchProgress, noun: str) -> str:
    """`64 lines in 31 s, 4,096 tokens, 132 tokens/s; 3 failed.`"""
    here = progress.done - progress.skipped
    time_ = duration(progress.seconds, 1 if progress.seconds < 10 else 0)
    words = f"{counted(here, noun)} in {time_}"
    if progress.tokens:
        words += f", {token_count(progress.tokens)}, {progress.rate:.0f} tokens/s"
    if progress.failed:
        words += f"; {progress.failed:,} failed"
    return words + "."
