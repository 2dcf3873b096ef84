"""Tables and cards for the commands that list things.

In: heads and rows of text. Out: on a terminal aligned columns that fit its width, long cells wrapped; elsewhere
one line per row with tabs between the cells and no decoration, for `cut` and `awk`. Text is sanitized; nothing
is printed for no rows but the heads.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mull.terminal.cells import width, wrap
from mull.terminal.sanitize import one_line
from mull.terminal.streams import Streams

GAP = "  "
NARROWEST = 6  # cells: a column is not squeezed below this


def table(streams: Streams, heads: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Rows under heads, on stdout. Columns of numbers are aligned right. A pipe gets no heads, as in `ls`."""
    cells = [[one_line(str(cell)) for cell in row] for row in rows]
    if not streams.stdout_tty:
        streams.stdout.write("".join("\t".join(row) + "\n" for row in cells))
        return
    ink = streams.stdout_ink
    natural = [max(width(line[index]) for line in [heads, *cells]) for index in range(len(heads))]
    widths = _fit(natural, streams.width - 1 - len(GAP) * (len(heads) - 1))
    right = [bool(cells) and all(_is_number(row[index]) for row in cells) for index in range(len(heads))]
    for number, row in enumerate([list(heads), *cells]):
        style = "bold" if number == 0 else ""
        for line in _lines(row, widths, right):
            streams.stdout.write(ink(line, style) + "\n")


def card(streams: Streams, rows: Iterable[tuple[str, object]]) -> None:
    """Names and values, one below the other. An empty name continues the value above; ("", "") is a blank
    line."""
    pairs = [(one_line(name), one_line(str(value))) for name, value in rows]
    if not streams.stdout_tty:
        streams.stdout.write(
            "".join(f"{name}\t{value}\n" if name or value else "\n" for name, value in pairs)
        )
        return
    left = min(max((width(name) for name, _ in pairs), default=0), 24)
    room = max(NARROWEST, streams.width - 1 - left - len(GAP))
    for name, value in pairs:
        for number, line in enumerate(wrap(value, room)):
            head = name if number == 0 else ""
            space = " " * max(0, left - width(head))
            text = f"{streams.stdout_ink(head, 'dim')}{space}{GAP}{line}".rstrip(" ")
            streams.stdout.write(text + "\n")


def _lines(row: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> list[str]:
    """One row as lines; cells that don't fit go on below."""
    wrapped = [wrap(cell, size) for cell, size in zip(row, widths, strict=True)]
    lines = []
    for number in range(max(map(len, wrapped))):
        parts = []
        for cell, size, to_right in zip(wrapped, widths, right, strict=True):
            text = cell[number] if number < len(cell) else ""
            space = " " * max(0, size - width(text))
            parts.append(space + text if to_right else text + space)
        lines.append(GAP.join(parts).rstrip(" "))
    return lines


def _fit(natural: Sequence[int], room: int) -> list[int]:
    """Column widths within `room`, taken from the widest columns first."""
    widths = list(natural)
    while sum(widths) > room and max(widths) > NARROWEST:
        widths[widths.index(max(widths))] -= 1
    return widths


def _is_number(text: str) -> bool:
    return text.replace(",", "").replace(".", "", 1).removeprefix("-").removesuffix("%").isdigit()
