"""Tables and cards for the commands that list things.

In: headings and rows of text. Out: on a terminal, aligned columns that fit its width, with long cells wrapped; if a
column would get too narrow for words, each row as a block of lines. In a pipe, one line per row with tabs between the
cells and no headings, for `cut` and `awk`. Text is sanitized.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mull.terminal.console.sanitize import one_line
from mull.terminal.console.streams import Streams
from mull.terminal.console.width import width, wrap

GAP = "  "
NARROWEST = 16  # cells: where a column would get narrower, rows become blocks of lines
CARD = 20  # cells for the values of a card beside their names; with less, values go below the names
INDENT = "  "
JOINT = " · "


def table(streams: Streams, heads: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Rows under headings, on stdout. Columns of numbers are aligned right. A pipe gets no headings, as in `ls`."""
    cells = [[one_line(str(cell)) for cell in row] for row in rows]
    if not streams.stdout_tty:
        streams.stdout.write("".join("\t".join(row) + "\n" for row in cells))
        return
    style = streams.stdout_style
    natural = [max(width(line[index]) for line in [heads, *cells]) for index in range(len(heads))]
    right = [bool(cells) and all(_is_number(row[index]) for row in cells) for index in range(len(heads))]
    widths = _fit(natural, streams.width - 1 - len(GAP) * (len(heads) - 1))
    if widths is None:
        named = [[_named(*cell) for cell in zip(row, heads, right, strict=True)] for row in cells]
        streams.stdout.write("".join(f"{line}\n" for line in _stacked(streams, named, "bold")))
        return
    for number, row in enumerate([list(heads), *cells]):
        name = "bold" if number == 0 else ""
        for line in _lines(row, widths, right):
            streams.stdout.write(style(line, name) + "\n")


def card(streams: Streams, rows: Iterable[tuple[str, object]]) -> None:
    """Names and values on stdout, one below the other. An empty name continues the value above; ("", "") is a
    blank line."""
    streams.stdout.write("".join(f"{line}\n" for line in card_lines(streams, rows)))


def card_lines(streams: Streams, rows: Iterable[tuple[str, object]]) -> list[str]:
    """The lines of a card."""
    pairs = [(one_line(name), one_line(str(value))) for name, value in rows]
    if not streams.stdout_tty:
        return [f"{name}\t{value}" if name or value else "" for name, value in pairs]
    left = min(max((width(name) for name, _ in pairs), default=0), 24)
    room = streams.width - 1 - left - len(GAP)
    if room < CARD:
        return _stacked(streams, [pair for pair in pairs if pair[1]], "dim")
    lines = []
    for name, value in pairs:
        for number, line in enumerate(wrap(value, room)):
            head = name if number == 0 else ""
            space = " " * max(0, left - width(head))
            lines.append(f"{streams.stdout_style(head, 'dim')}{space}{GAP}{line}".rstrip(" "))
    return lines


def _lines(row: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> list[str]:
    """One row as lines; cells that don't fit continue on the next line."""
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


def _named(cell: str, head: str, is_number: bool) -> str:
    """A number needs its column's heading."""
    return f"{head.lower()} {cell}" if is_number else cell


def _stacked(streams: Streams, rows: Sequence[Sequence[str]], first_style: str) -> list[str]:
    """The first cell on its own line, the others below it, as many to a line as fit."""
    room = max(1, streams.width - 1 - len(INDENT))
    lines = []
    for first, *others in rows:
        lines += [streams.stdout_style(line, first_style) for line in wrap(first, room)] if first else []
        lines += [f"{INDENT}{line}" for line in _packed([cell for cell in others if cell], room)]
    return lines


def _packed(cells: Sequence[str], room: int) -> list[str]:
    """Cells joined into lines; a cell is broken only if it is wider than a line."""
    lines: list[str] = []
    for cell in cells:
        if lines and width(lines[-1] + JOINT + cell) <= room:
            lines[-1] += JOINT + cell
        else:
            lines += wrap(cell, room)
    return lines


def _fit(natural: Sequence[int], room: int) -> list[int] | None:
    """Column widths within `room`, taken from the widest columns first; None if one would get too narrow."""
    widths = list(natural)
    while sum(widths) > room:
        widest = max(widths)
        if widest <= NARROWEST:
            return None
        widths[widths.index(widest)] = widest - 1
    return widths


def _is_number(text: str) -> bool:
    return text.replace(",", "").replace(".", "", 1).removeprefix("-").removesuffix("%").isdigit()
