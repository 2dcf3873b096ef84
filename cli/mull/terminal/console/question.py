"""The user's question in the scrollback, and the frame around the input.

In: text as it was typed. Out: lines with the codes of the stream's style, each within the terminal's width. Where the
theme has one, a question has a ground over the whole width: erased cells, which a resize does not wrap.
"""

from __future__ import annotations

from mull.terminal.console.sanitize import visible
from mull.terminal.console.streams import Streams
from mull.terminal.console.width import wrap

MARK = "> "
MOST_LINES = 24  # of a question that are shown again; the model gets all of it
_FILL = "\x1b[K"  # an erased line has the current background


def question_lines(
    streams: Streams, text: str, *, command: bool = False, columns: int | None = None
) -> list[str]:
    """The question; a `command` stands out less. `columns`: for another width than the terminal's."""
    style, name = streams.stdout_style, "muted" if command else "user"
    wrapped = wrap(visible(text), max(1, (columns or streams.width) - 1 - len(MARK)))
    if len(wrapped) > MOST_LINES:
        wrapped[MOST_LINES - 1 :] = [f"… {len(wrapped) - MOST_LINES + 1:,} more lines"]
    fill = _FILL if not command and _has_ground(streams) else ""
    marks = [MARK, *[" " * len(MARK)] * (len(wrapped) - 1)]
    return [
        style(mark, f"{name} prompt") + style(line + fill, name)
        for mark, line in zip(marks, wrapped, strict=True)
    ]


def frame_line(streams: Streams, columns: int) -> str:
    """The line above and below the input, without codes."""
    return ("─" if streams.unicode else "-") * max(1, columns)


def _has_ground(streams: Streams) -> bool:
    style = streams.stdout_style
    if style.plain or not streams.stdout_live:
        return False
    return style.palette.style("user", color=style.color).bgcolor is not None
