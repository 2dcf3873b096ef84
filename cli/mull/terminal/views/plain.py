"""The view for a stdout that is not a terminal: the answer unchanged, flushed piece by piece, and a final newline.

In: the event stream. Out: the answer on stdout, everything else on stderr, and the turn's `Done`. How thinking is
shown depends on stdout, stderr and `--thinking`; keys are read if stdout is a terminal:

| stdout   | stderr   | auto             | show               | fold             | hide             | view    |
| -------- | -------- | ---------------- | ------------------ | ---------------- | ---------------- | ------- |
| terminal | terminal | panel → summary  | panel → whole text | line → summary   | line → nothing   | `live`  |
| terminal | other    | nothing          | whole text, raw    | nothing          | nothing          | `live`  |
| other    | terminal | panel → summary  | panel → whole text | line → summary   | line → nothing   | `plain` |
| other    | other    | nothing          | whole text, raw    | nothing          | nothing          | `plain` |

Thinking that occurs although it was switched off is shown as with `hide`, unless the mode is `show`.
"panel → summary": a panel during the thinking, one line after it. A terminal that cannot move its cursor (TERM=dumb)
gets this view too, with control characters made visible, and a summary instead of a panel. prompt_toolkit is not
imported.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from mull.events import AnswerDelta, Done, Event, Notice, ThinkingDelta
from mull.settings import ThinkingView
from mull.terminal.console.sanitize import Sanitizer
from mull.terminal.console.streams import Streams
from mull.terminal.input.turn_input import TurnInput
from mull.terminal.views.base import TurnView, ViewOptions, show_each
from mull.terminal.views.stderr_thinking import StderrThinking

if TYPE_CHECKING:
    from mull.terminal.views.thinking_panel import ThinkingPanel


def plain_view(options: ViewOptions) -> TurnView:
    """Write a turn to stdout. Ctrl+C stops the turn; the answer so far stays.

    The view raises what the turn raises; `MullError` "write_failed" if stdout cannot be written, except for a closed
    pipe, which stays an OSError for `streams.quiet_when_closed`; `keys.Leave` for a second Ctrl+C.
    """
    streams, thinking, quiet = options.streams, options.thinking, options.quiet

    def show(events: Iterable[Event]) -> Done:
        panel = None
        if streams.stderr_live and (thinking == "show" or not quiet):
            from mull.terminal.views.live import LiveScreen

            panel = LiveScreen(
                streams.stderr, streams, streams.stderr_style, panel=thinking, body=None, quiet=quiet
            )
        view = _Plain(streams, thinking, quiet=quiet, panelled=panel is not None, shown=options.shown)
        with TurnInput(streams, options.control, panel, keys=False) as turn_input:

            def take(event: Event) -> None:
                if panel is not None:
                    turn_input.put(event)
                    if view.changes_phase(event):
                        turn_input.settle()  # remove the panel before the answer: both may be on one screen
                view.take(event)

            try:
                return show_each(events, take)
            finally:
                view.release()  # also of a turn that failed

    return show


class _Plain:
    """The text on stdout, without its first `shown` characters, and a summary of the thinking."""

    def __init__(
        self, streams: Streams, thinking: ThinkingView, *, quiet: bool, panelled: bool, shown: int
    ) -> None:
        self._streams = streams
        self._view = thinking
        self._quiet = quiet
        self._panelled = panelled
        self._left = shown  # characters that are still to come of those
        self._mark = ("…" if streams.unicode else "...") if shown else ""  # in place of them
        self._answering = False
        self._thoughts: ThinkingPanel | None = None
        self._tokens = 0  # of thinking, so far
        self._last = ""  # the last character written to stdout
        self._held: list[str] = []  # notices that wait for the end of the answer's last line
        self._out = Sanitizer() if streams.stdout_tty else None
        self._raw_thinking = StderrThinking(streams) if thinking == "show" and not panelled else None

    def changes_phase(self, event: Event) -> bool:
        return isinstance(event, Done) or (isinstance(event, AnswerDelta) and not self._answering)

    def take(self, event: Event) -> None:
        if self._raw_thinking is not None:
            self._raw_thinking.take(event)
        if isinstance(event, ThinkingDelta):
            self._answering = False
            if event.wanted and not self._panelled and not self._quiet:
                self._think(event)
        elif isinstance(event, AnswerDelta):
            self._end_thinking()
            self._answering = True
            self._answer(event.text)
        elif isinstance(event, Notice):
            if not (self._quiet or self._panelled):
                self._held.append(event.text)
                if self._last in {"", "\n"}:
                    self.release()
        elif isinstance(event, Done):
            self._end_thinking()
            self._write(self._out.finish() if self._out else "")
            if self._last not in {"", "\n"}:
                self._write("\n")
            self.release()

    def release(self) -> None:
        """Print the notices that came in the middle of a line: on one screen they would go on in it."""
        held, self._held = self._held, []
        for text in held:
            self._streams.note(text)

    def _answer(self, text: str) -> None:
        new = text[self._left :]
        self._left = max(0, self._left - len(text))
        if new:
            new, self._mark = self._mark + new, ""
            self._write(self._out.feed(new) if self._out else new)

    def _think(self, event: ThinkingDelta) -> None:
        if self._thoughts is None:
            from mull.terminal.views.thinking_panel import ThinkingPanel

            style = self._streams.stderr_style
            self._thoughts = ThinkingPanel(
                self._view,
                style,
                unicode=self._streams.unicode,
                began=time.monotonic(),
                before=self._tokens,
            )
        self._tokens = event.tokens
        self._thoughts.feed("", event.tokens)

    def _end_thinking(self) -> None:
        """The thinking has ended: a terminal without a panel gets its summary."""
        thoughts, self._thoughts = self._thoughts, None
        if thoughts is not None and self._streams.stderr_tty and self._view in {"auto", "fold"}:
            thoughts.finish(time.monotonic())
            if thoughts.tokens:  # those of an answer that is continued were summarized before
                self._streams.note(thoughts.summary())

    def _write(self, text: str) -> None:
        if text:
            self._streams.write(text)
            self._last = text[-1]
