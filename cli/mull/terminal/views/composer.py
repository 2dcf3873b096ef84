"""The chat's input while a turn runs: what was typed ahead, in the frame of the prompt, and the questions that wait.

In: the typeahead. Out: lines for the live region: all that waits and all that was typed, as far as a part of the screen
has room. The frame stands where the prompt's will stand, so that nothing jumps when the turn ends.
"""

from __future__ import annotations

from mull.terminal.console.question import MARK, frame_line
from mull.terminal.console.sanitize import visible
from mull.terminal.console.streams import Streams
from mull.terminal.console.width import clip, wrap
from mull.terminal.input.typeahead import Typeahead

FRAME_ROWS = 14  # a screen with fewer rows has no frame
QUEUED = "queued  "
PLACEHOLDER = "Type the next question"
_CURSOR = "\x1b[7m \x1b[27m"


class Composer:
    """The lines of the input. They change only with what was typed and with the terminal's size."""

    def __init__(self, streams: Streams, typeahead: Typeahead) -> None:
        self._streams = streams
        self._typeahead = typeahead
        self._drawn: tuple[object, list[str]] = (None, [])

    def lines(self, columns: int, rows: int) -> list[str]:
        """What waits, then the input: in a frame where the screen has room for one."""
        typed = self._typeahead
        state = (columns, rows, tuple(typed.lines), typed.text)
        if self._drawn[0] != state:
            self._drawn = state, self._draw(columns, rows)
        return self._drawn[1]

    def _draw(self, columns: int, rows: int) -> list[str]:
        style, text = self._streams.stdout_style, self._typeahead.text
        waiting = self._queued(columns, max(1, rows // 4))
        framed = rows >= FRAME_ROWS
        if not framed and not text:
            return waiting
        written = wrap(visible(text), max(1, columns - len(MARK) - 2))[-max(1, rows // 4) :]
        lines = [
            style(" " * len(MARK) if number else MARK, "prompt") + line for number, line in enumerate(written)
        ]
        if text:
            lines[-1] += "" if style.plain else _CURSOR
        else:
            lines[0] += style(clip(PLACEHOLDER, columns - len(MARK) - 1), "placeholder")
        frame = [style(frame_line(self._streams, columns), "border")] if framed else []
        return [*waiting, *frame, *lines, *frame]

    def _queued(self, columns: int, rows: int) -> list[str]:
        lines: list[str] = []
        for question in self._typeahead.lines:
            wrapped = wrap(visible(question), max(1, columns - len(QUEUED) - 1))
            lines += [
                (QUEUED if not number else " " * len(QUEUED)) + line for number, line in enumerate(wrapped)
            ]
        if len(lines) > rows:
            lines[rows - 1 :] = [f"{' ' * len(QUEUED)}and {len(lines) - rows + 1} more lines"]
        return [self._streams.stdout_style(line, "queued") for line in lines]
