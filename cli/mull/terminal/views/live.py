"""The view for a terminal: a thinking panel that folds, and an answer that streams.

In: the event stream; keys and signals through `TurnInput`. Out: finished lines in the scrollback, the unfinished
rest in a live region, and the turn's `Done`. All model text is sanitized, and the terminal is restored however the
turn ends. Progress, thinking and notices belong to stderr: if that is not a terminal, this view shows none of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TextIO

from mull.events import AnswerDelta, Done, Event, Notice, ThinkingDelta
from mull.settings import ThinkingView
from mull.terminal.console.last_turn import Draw, LastTurn
from mull.terminal.console.sanitize import one_line
from mull.terminal.console.streams import Streams
from mull.terminal.console.style import Style
from mull.terminal.console.width import wrap
from mull.terminal.input.keys import Key
from mull.terminal.input.turn_input import TurnInput
from mull.terminal.input.typeahead import Typeahead
from mull.terminal.views.base import TurnView, ViewOptions, show_each
from mull.terminal.views.bodies import AnswerBody, answer_bodies
from mull.terminal.views.input_frame import InputFrame
from mull.terminal.views.live_region import LiveRegion
from mull.terminal.views.stderr_thinking import StderrThinking
from mull.terminal.views.thinking_panel import ThinkingPanel, ThoughtText
from mull.terminal.views.turn_bar import TurnBar
from mull.terminal.views.turn_lines import TurnLines
from mull.terminal.views.wrapping import WrappedText

FIRST_PAINT_SECONDS = 0.15  # a turn that begins to answer sooner shows no progress line
HINT_ROWS = 6  # a screen with fewer rows shows no hints
TAIL_SHARE = 0.6  # of the screen; the first lines of a longer unfinished tail go to the scrollback


def live_view(options: ViewOptions) -> TurnView:
    """The view for a terminal at stdout. It reads keys from the terminal, also where stdin is a pipe, and signals.

    With `quiet`, thinking is shown only in the mode `show`. The view restores the screen, then raises what the turn
    raises; `keys.Leave` for a second Ctrl+C.
    """
    streams, thinking, quiet = options.streams, options.thinking, options.quiet

    def show(events: Iterable[Event]) -> Done:
        screen = LiveScreen(
            streams.stdout,
            streams,
            streams.stdout_style,
            panel=thinking if streams.stderr_live and (thinking == "show" or not quiet) else None,
            body=answer_bodies(options),
            thoughts=(lambda: _thoughts(streams, options)) if options.markdown else WrappedText,
            quiet=quiet,
            typeahead=options.typeahead,
            frame=options.frame,
            turn=options.turn,
        )
        raw_thinking = StderrThinking(streams) if thinking == "show" and not streams.stderr_live else None
        with TurnInput(streams, options.control, screen, keys=True) as turn_input:
            screen.reads_keys = turn_input.reads_keys

            def take(event: Event) -> None:
                turn_input.put(event)
                if raw_thinking is not None:
                    raw_thinking.take(event)

            return show_each(events, take)

    return show


class LiveScreen:
    """The state of the screen; see `turn_input.Screen`. `panel` None: no progress, thinking or notices on it.

    `body` None: the answer goes to a pipe; the live region is removed while it streams.
    """

    def __init__(
        self,
        out: TextIO,
        streams: Streams,
        style: Style,
        *,
        panel: ThinkingView | None,
        body: Callable[[], AnswerBody] | None,
        thoughts: Callable[[], ThoughtText] = WrappedText,
        quiet: bool = False,
        typeahead: Typeahead | None = None,
        frame: InputFrame | None = None,
        turn: LastTurn | None = None,
    ) -> None:
        self._lines = TurnLines(turn)
        self._source: list[str] = []  # of the answer, or of its section
        self.reads_keys = False  # hints name only keys that have an effect
        self._streams = streams
        self._style = style
        self._view = panel
        self._body_factory = body
        self._thoughts = thoughts
        self._quiet = quiet
        self._typeahead = typeahead
        self._frame = frame or (InputFrame(streams, typeahead) if typeahead is not None else None)
        self._stays = frame is not None
        self._began = time.monotonic()
        self._bar = TurnBar(style, unicode=streams.unicode, began=self._began)
        self._region = LiveRegion(self._writer(out), streams.size)
        self._above: list[str] = []  # finished lines for the next frame
        self._panel: ThinkingPanel | None = None
        self._thought = 0  # thinking tokens of the turn so far
        self._answer_now = False  # Tab was pressed, and the answer has not begun yet
        self._body: AnswerBody | None = None
        self._answering = False
        self._begun = False  # there is text of an answer
        self._late: list[Notice] = []  # which arrived within the answer: they are shown below it
        self._stopping = False
        self._finish: str | None = None

    def take(self, event: Event) -> None:
        self._bar.take(event, time.monotonic())
        if isinstance(event, ThinkingDelta):
            self._think(event)
        elif isinstance(event, AnswerDelta):
            self._answer(event)
        elif isinstance(event, Notice):
            self._notice(event)
        elif isinstance(event, Done):
            self._finish = event.finish
            if not self._answering:
                self._count_thinking(event.usage.thinking)

    def press(self, key: Key) -> None:
        if key.name in {"interrupt", "terminate", "escape"}:
            self._stopping = True
        if key.name == "fold" and self._panel is not None:
            self._panel.toggle()
        elif key.name == "tab" and not self._answering:
            self._answer_now = True
            if self._panel is not None:
                self._panel.answer_now = True
        elif self._typeahead is not None:
            self._typeahead.press(key)

    def pause(self) -> None:
        self._lines.forget()  # the shell writes below the turn
        self._region.close()

    def paint(self, now: float) -> None:
        columns, rows = self._streams.size()
        tail = self._commit_finished(columns, rows)
        if self._panel is not None and not self._answering:
            streamed = self._panel.streamed(columns)
            self._above += streamed
            if streamed:
                self._lines.forget()
        lines: list[str] = []
        if self._answering and self._body is not None:
            lines = self._while_answering(tail, columns, rows, now)
        elif self._view is not None and not self._answering:
            lines = self._before_answer(columns, rows, now)
        self._region.paint(lines, self._finished())

    def _has_begun(self, now: float) -> bool:
        return self._panel is not None or now - self._began > FIRST_PAINT_SECONDS

    def end(self) -> None:
        """The last frame: the rest becomes final."""
        self._fold_panel(answered=False)
        self._close_body()
        if self._finish == "interrupted":
            gap = [""] if self._panel is not None or self._begun else []
            stopped = self._style("■ Stopped" if self._streams.unicode else "Stopped", "warning")
            self._append(lambda _columns: [[*gap, stopped]])
        above = self._finished()
        self._lines.end(self._streams.width)
        if self._stays and self._frame is not None and self._finish and self._frame.fits:
            bar = self._bar.line(self._streams.width, time.monotonic(), ())
            self._frame.keep(self._region, above, bar)
        else:
            self._region.close(above)

    def _think(self, event: ThinkingDelta) -> None:
        if self._answering:  # thinking again, after a part of the answer
            self._close_body()
            self._answering = False
            self._panel = None
        text = event.text
        if self._panel is None and self._view is not None:
            text = text.lstrip("\n")  # what separates it from an earlier stretch, which has its panel
            view = self._view if event.wanted or self._view == "show" else "hide"
            self._panel = ThinkingPanel(
                view,
                self._style,
                unicode=self._streams.unicode,
                began=time.monotonic(),
                before=self._thought,
                text=self._thoughts(),
            )
            self._panel.answer_now = self._answer_now
        if self._panel is not None:
            self._panel.feed(text, event.tokens)
        self._thought = event.tokens

    def _answer(self, event: AnswerDelta) -> None:
        if not self._answering:
            self._count_thinking(event.thinking_tokens)
            self._fold_panel()
            self._answering, self._begun, self._answer_now = True, True, False
            self._body = self._body_factory() if self._body_factory is not None else None
            self._source = []
        self._source.append(event.text)
        if self._body is not None:
            self._body.feed(event.text)

    def _count_thinking(self, tokens: int) -> None:
        """The thinking has ended, with tokens that had no text perhaps."""
        if self._panel is not None and tokens > self._thought:
            self._panel.feed("", tokens)
            self._thought = tokens

    def _notice(self, event: Notice) -> None:
        if self._quiet:
            return
        if self._body is not None:
            self._late.append(event)
        elif self._view is None:
            self._streams.note(event.text)
        else:
            text, style = one_line(event.text), self._style
            self._append(lambda columns: [[style(line, "muted") for line in wrap(text, columns - 1)]])

    def _fold_panel(self, *, answered: bool = True) -> None:
        """The thinking has ended; `answered`: an answer follows, behind a blank line."""
        if self._panel is not None and self._panel.ended is None:
            self._panel.finish(time.monotonic())
            panel, fold = self._panel, self._panel.fold
            self._append(lambda columns: [panel.left(columns - 1, fold, answered=answered)])
            self._panel.fold = "folded"

    def _append(self, draw: Draw) -> None:
        """Lines for the next frame, which can be drawn again."""
        self._lines.add(draw)
        self._above += [line for part in draw(self._columns() + 1) for line in part]

    def _finished(self) -> list[str]:
        """The lines above the region in the next frame."""
        above, self._above = self._above, []
        self._lines.wrote(above)
        return above

    def _columns(self) -> int:
        """The width without the last column: some terminals wrap when it is written."""
        return self._streams.width - 1

    def _close_body(self) -> None:
        if self._body is not None:
            self._above += self._body.finish(self._columns())
            body, source = self._body, "".join(self._source)
            self._lines.add(lambda columns: body.parts(source, columns - 1))
            self._body = None
            late, self._late = self._late, []
            for event in late:
                self._notice(event)

    def _commit_finished(self, columns: int, rows: int) -> list[str]:
        if self._body is None:
            return []
        finished, tail = self._body.take(columns - 1, max(2, int(rows * TAIL_SHARE)))
        self._above += finished
        return tail

    def _before_answer(self, columns: int, rows: int, now: float) -> list[str]:
        """The thinking, or what happens before it. The input's frame stands from the first moment, if there is one."""
        below = self._input(columns, rows)
        if self._panel is not None and not self._stopping:
            return self._while_thinking(self._panel, below, columns, rows, now)
        if not self._has_begun(now):
            return [*below, ""] if below else []
        then = "then the answer, without thinking" if self._answer_now else ""
        return [*below, self._line(columns, now, self._end_keys(), then=then)]

    def _while_thinking(
        self, panel: ThinkingPanel, below: list[str], columns: int, rows: int, now: float
    ) -> list[str]:
        """The panel has the figures; the keys are in the bar below the input, or beside the figures without one."""
        keys = ["Tab answers now", self._fold_key(folded=panel.fold == "folded")]
        if self._answer_now or not self.reads_keys:
            keys = []
        if below:
            below = ["", *below, self._bar.line(columns, now, (), status=[*self._end_keys(), *keys])]
            keys = []
        return panel.live(columns, rows - 1 - len(below), now, keys=keys) + below

    def _while_answering(self, tail: list[str], columns: int, rows: int, now: float) -> list[str]:
        """The panel, if it is unfolded; the answer's unfinished end; the input, figures and keys."""
        below = self._input(columns, rows)
        unfolded = self._panel is not None and self._panel.fold == "open"
        if self._view is not None and rows >= HINT_ROWS:
            folds = self._panel is not None and self.reads_keys
            keys = self._end_keys() + ([self._fold_key(folded=not unfolded)] if folds else [])
            below = ["", *below, self._line(columns, now, keys)]
        room = rows - 1 - len(below)
        above: list[str] = []
        if unfolded and self._panel is not None and self._view is not None:
            above = [*self._panel.reopened(columns, max(2, min(rows // 2, room - 3))), ""]
        return above + tail[-max(1, room - len(above)) :] + below

    def _line(self, columns: int, now: float, keys: list[str], *, then: str = "") -> str:
        """The bar."""
        if self._stopping:
            return self._bar.line(columns, now, (), status=["Stopping"])
        status = [*self._bar.figures(now), then] if then else ()
        return self._bar.line(columns, now, keys, status=status)

    def _end_keys(self) -> list[str]:
        """What ends the turn, and whether the chat ends with it."""
        leaves = self._typeahead is not None and self._typeahead.ended
        return [
            "Esc stops" if self.reads_keys else "Ctrl+C stops",
            *(["leaves after this answer"] if leaves else []),
        ]

    def _fold_key(self, *, folded: bool) -> str:
        return "Ctrl+O shows the thinking" if folded else "Ctrl+O folds"

    def _input(self, columns: int, rows: int) -> list[str]:
        """What was typed ahead for the next prompt."""
        return self._frame.composer.lines(columns, rows) if self._frame is not None else []

    @staticmethod
    def _writer(out: TextIO) -> Callable[[str], None]:
        def write(text: str) -> None:
            out.write(text)
            out.flush()

        return write


def _thoughts(streams: Streams, options: ViewOptions) -> ThoughtText:
    from mull.terminal.markdown.thoughts import MarkdownThoughts

    return MarkdownThoughts(streams.stdout_style, unicode=streams.unicode, math=options.math)
