"""The chat's keys: one table for `/help` and for `?` on an empty line.

In: the terminal's size. Out: lines.
"""

from __future__ import annotations

from itertools import zip_longest

from mull.terminal.console.width import clip

ANSWERING: tuple[tuple[str, str], ...] = (
    ("Ctrl+O", "folds thinking"),
    ("Tab", "answer now"),
    ("Ctrl+C, Esc", "stop"),
)
QUEUE = ("Up", "edits what waits")
PROMPT: tuple[tuple[str, str], ...] = (
    ("Ctrl+O", "thinking"),
    ("Alt+Enter", "new line"),
    ("Ctrl+X Ctrl+E", "editor"),
    ("Ctrl+X Ctrl+P", "unfolds a paste"),
    ("?", "keys"),
)
EDITING: tuple[tuple[str, str], ...] = (
    ("/", "commands; Tab completes"),
    ("Up, Ctrl+R", "earlier input"),
    ("Ctrl+C", "clears; twice: leaves"),
    ("Ctrl+D", "leaves"),
)
"""What other programs have, too, and `/help` leaves out."""

_GAP = 2
_WIDE = 64  # columns from which two keys stand in a row


def key_sentences() -> list[str]:
    """Two lines for `/help`."""
    answering = " · ".join(f"{key}: {what}" if key == "Tab" else f"{key} {what}" for key, what in ANSWERING)
    prompt = " · ".join(f"{key} {what}" for key, what in PROMPT)
    return [f"While it answers: {answering}", f"At the prompt: {prompt}"]


def key_lines(columns: int, rows: int) -> list[str]:
    """The table for `?`: the prompt's keys, then those during an answer, of which as many as fit `rows`."""
    keys = [*PROMPT[:-1], *EDITING]
    groups = [("At the prompt", keys), ("While it answers", [*ANSWERING, QUEUE])]
    lines = [line for title, some in groups for line in (title, *_in_columns(some, columns))]
    if len(lines) > rows:  # the titles go first, then what is known from elsewhere
        lines = [line for line in lines if line.startswith(" ")]
    return [clip(line, columns - 1) for line in lines[:rows]]


def _in_columns(keys: list[tuple[str, str]], columns: int) -> list[str]:
    half = -(-len(keys) // 2) if columns >= _WIDE else len(keys)
    left, right = _entries(keys[:half]), _entries(keys[half:])
    width = max(map(len, left)) + 2 * _GAP
    pairs = zip_longest(left, right, fillvalue="")
    return [f"{'':{_GAP}}{first:<{width}}{second}".rstrip() for first, second in pairs]


def _entries(keys: list[tuple[str, str]]) -> list[str]:
    width = max((len(key) for key, _ in keys), default=0) + _GAP
    return [f"{key:<{width}}{what}" for key, what in keys]
