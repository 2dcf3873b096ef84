"""Thinking as plain text on stderr: for `--thinking show` where there is no panel.

In: the event stream, event by event. Out: the thinking unchanged (sanitized on a terminal), with a final newline.
Errors of stderr are ignored.
"""

from __future__ import annotations

from contextlib import suppress

from mull.events import AnswerDelta, Done, Event, ThinkingDelta
from mull.terminal.console.sanitize import Sanitizer
from mull.terminal.console.streams import Streams


class StderrThinking:
    """`take` every event."""

    def __init__(self, streams: Streams) -> None:
        self._stderr = streams.stderr
        self._sanitizer = Sanitizer() if streams.stderr_tty else None
        self._last = "\n"
        self._ended = False

    def take(self, event: Event) -> None:
        if isinstance(event, ThinkingDelta):
            text = event.text
            if self._ended:  # a second stretch begins with the blank line that the first one's end is half of
                text, self._ended = "\n" + text.lstrip("\n"), False
            self._write(self._sanitizer.feed(text) if self._sanitizer else text)
        elif isinstance(event, AnswerDelta | Done):
            self._write(self._sanitizer.finish() if self._sanitizer else "")
            if self._last != "\n":
                self._write("\n")
                self._ended = True

    def _write(self, text: str) -> None:
        if text:
            self._last = text[-1]
            with suppress(OSError, ValueError):
                self._stderr.write(text)
                self._stderr.flush()
