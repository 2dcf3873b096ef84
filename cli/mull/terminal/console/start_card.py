"""The card at the start of a chat: labels and texts in a box with rounded corners.

In: a title, and rows of a label and a text. Out: lines within the terminal's width. Text is sanitized. rich draws the
box; it is imported on use.
"""

from __future__ import annotations

from collections.abc import Sequence

from mull.terminal.console.sanitize import one_line
from mull.terminal.console.streams import Streams
from mull.terminal.console.style import Styled
from mull.terminal.console.width import width

WIDEST = 76  # cells of the card
NARROW = 50  # columns; with fewer, texts stand below each other, and only labels below a blank line are left
FRAME = 4  # cells of the box and its padding
GAP = 2


def start_card(streams: Streams, title: str, rows: Sequence[tuple[str, Styled]]) -> list[str]:
    """The lines of the card. A row without a label continues the text above, one without text is a blank line."""
    from mull.terminal.console import drawing

    cells = [(label, Styled(one_line(row.text), row.style)) for label, row in rows]
    room = min(streams.width - 1, WIDEST) - FRAME
    if streams.width < NARROW:
        texts = ["", *(text.text for _, text in cells)]
        rows_ = [
            [cell]
            for above, (label, text) in zip(texts, cells, strict=False)
            for cell in ([] if above or not label else [Styled(label, "muted")]) + [text]
        ]
        body = drawing.grid(streams, (room,), (False,), rows_[1:], 0)
    else:
        left = max(width(label) for label, _ in cells)
        columns = [(Styled(label, "muted"), text) for label, text in cells]
        body = drawing.grid(streams, (left, room - left - GAP), (False, False), columns, GAP)
    return drawing.lines(streams, drawing.panel(streams, title, body, room + FRAME))
