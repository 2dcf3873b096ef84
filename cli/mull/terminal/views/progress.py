"""A batch on stderr: one line that moves on a terminal, and in the end one line that stays.

In: `BatchProgress` values, as often as one likes. Out:
lines done, tokens per second, time left, failures. In a pipe only the
last line is written, with `--quiet` none. stdout is not touched.
"""

from __future__ import annotations

import time
from contextlib import suppress

from mull.events import BatchProgress
from mull.terminal.console.sanitize import one_line
from mull.terminal.console.streams import Streams
from mull.terminal.console.width import clip
from mull.terminal.views.download import seconds_text

FRAME = 0.1  # seconds between two frames


class ProgressLine:
    """`loading`, then `show` what there is; `clear` before anything else is written; `finish` at the end."""

    def __init__(self, streams: Streams, *, quiet: bool) -> None:
        self._streams = streams
        self._moves = streams.stderr_live and not quiet
        self._quiet = quiet
        self._drawn = False
        self._next = 0.0

    def loading(self, model: str, fraction: float) -> None:
        self._draw(f"loading {one_line(model)}  {int(100 * fraction)}%")

    def doing(self, text: str) -> None:
        """One line about what goes on."""
        self._draw(one_line(text))

    def show(self, tally: BatchProgress) -> None:
        """At most ten times a second."""
        if self._moves and time.monotonic() >= self._next:
            self._draw("  ".join(_facts(tally)))

    def clear(self) -> None:
        if self._drawn:
            self._write("\r\x1b[K")
            self._drawn = False

    def finish(self, tally: BatchProgress) -> None:
        self.clear()
        if not self._quiet:
            self._streams.note(_sentence(tally))

    def _draw(self, text: str) -> None:
        if not self._moves:
            return
        self._next = time.monotonic() + FRAME
        self._write("\r" + clip(text, self._streams.width - 1) + "\x1b[K")
        self._drawn = True

    def _write(self, text: str) -> None:
        with suppress(OSError, ValueError):  # nobody watches; the batch goes on
            self._streams.stderr.write(text)
            self._streams.stderr.flush()


def _facts(tally: BatchProgress) -> list[str]:
    """The most telling first: a narrow window cuts the rest off."""
    of = "" if tally.total is None else f"/{tally.total:,}"
    facts = [f"{tally.done:,}{of} lines"]
    if tally.failed:
        facts.append(f"{tally.failed:,} failed")
    if tally.rate:
        facts.append(f"{tally.rate:.0f} tokens/s")
    if tally.seconds_left is not None:
        facts.append(f"{seconds_text(tally.seconds_left)} left")
    return facts


def _sentence(tally: BatchProgress) -> str:
    """`64 lines in 31 s, 4,096 tokens, 132 tokens/s; 3 failed.`"""
    here = tally.done - tally.skipped
    time_ = f"{tally.seconds:.1f} s" if tally.seconds < 10 else seconds_text(tally.seconds)
    words = f"{here:,} {'line' if here == 1 else 'lines'} in {time_}"
    if tally.tokens:
        words += f", {tally.tokens:,} tokens, {tally.rate:.0f} tokens/s"
    if tally.failed:
        words += f"; {tally.failed:,} failed"
    return words + "."
