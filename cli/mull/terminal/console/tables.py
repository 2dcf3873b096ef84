"""Tables and cards for the commands that list and report: they pass data, this module draws it.

In: headings and rows of text, in groups perhaps. Out: on a terminal, aligned columns that fit its width, drawn with
rich; columns that don't fit are left out in the order that they name, the others wrap at words, and where even that
does not do, each row is a block of lines. In a pipe, one line per row with tabs between the cells and no headings, for
`cut` and `awk`; rich is not imported. Text is sanitized.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from mull.terminal.console.sanitize import one_line
from mull.terminal.console.streams import Streams
from mull.terminal.console.style import Styled
from mull.terminal.console.width import width, wrap
from mull.terminal.input.background import settle_theme_unasked

GAP = 2  # cells between columns
NARROWEST = 16  # cells: no column that wraps gets narrower
CARD = 20  # cells for the values of a card beside their names; with less, values go below the names
NARROW = 60  # columns: with fewer, names go above the values where a word would be broken beside them
INDENT = "  "
JOINT = " · "
_PARTS = re.compile(r"[^/]*/|[^/]+")  # of a path


class Column(NamedTuple):
    """A heading. `leaves`: where columns don't fit, the one with the highest number is left out first; 0: none is.

    `right`: aligned right, as columns of bare numbers are without it.
    """

    head: str
    leaves: int = 0
    right: bool = False


class Group(NamedTuple):
    """Rows under a title."""

    title: str
    rows: Sequence[Sequence[object]]
    style: str = "heading"


def table(streams: Streams, heads: Sequence[str | Column], rows: Iterable[Sequence[object]]) -> None:
    """Rows under headings, on stdout. Columns of numbers are aligned right. A pipe gets no headings, as in `ls`."""
    grouped(streams, heads, [Group("", list(rows))])


def grouped(streams: Streams, heads: Sequence[str | Column], groups: Sequence[Group]) -> None:
    """The same in groups; a pipe gets the rows alone. Headings that would scroll away are repeated at the end."""
    if not streams.stdout_tty:
        cells = [[one_line(str(cell)) for cell in row] for group in groups for row in group.rows]
        streams.write("".join("\t".join(row) + "\n" for row in cells))
        return
    settle_theme_unasked(streams)
    columns = [head if isinstance(head, Column) else Column(head) for head in heads]
    _write(streams, _table_lines(streams, columns, groups))


def card(streams: Streams, rows: Iterable[tuple[str, object]], title: str = "") -> None:
    """Names and values on stdout, one below the other. An empty name continues the value above; ("", "") is a
    blank line. A pipe gets no title."""
    _write(streams, card_lines(streams, rows, title))


def card_lines(streams: Streams, rows: Iterable[tuple[str, object]], title: str = "") -> list[str]:
    """The lines of a card."""
    pairs = [(one_line(name), _cell(value)) for name, value in rows]
    if not streams.stdout_tty:
        return [f"{name}\t{value.text}" if name or value.text else "" for name, value in pairs]
    settle_theme_unasked(streams)
    from mull.terminal.console import drawing

    head = drawing.lines(streams, drawing.rule(streams, one_line(title)), edge=0) if title else []
    left = min(max((width(name) for name, _ in pairs), default=0), 24)
    room = streams.width - 1 - left - GAP
    cells = [(Styled(name, "muted"), value) for name, value in pairs]
    breaks = [_longest(value.text) > room for _, value in cells]
    if room < CARD or (streams.width < NARROW and any(breaks)):
        return head + _stacked(streams, [cell for cell in cells if cell[1].text])
    widest = max((width(value.text) for _, value in pairs), default=0)
    sizes = (left, min(room, widest))
    lines = head
    for too_long, some in itertools.groupby(cells, lambda cell: _longest(cell[1].text) > room):
        if too_long:  # a path: whole, below its name, so that it can be copied
            lines += _stacked(streams, list(some))
        else:
            lines += drawing.lines(streams, drawing.grid(streams, sizes, (False, False), some, GAP))
    return lines


def _longest(text: str) -> int:
    """Cells of the longest word."""
    return max(map(width, text.split()), default=0)


def _write(streams: Streams, lines: Iterable[str]) -> None:
    streams.write("".join(f"{line}\n" for line in lines))


def _cell(value: object) -> Styled:
    if not isinstance(value, Styled):
        return Styled(one_line(str(value)))
    text = one_line(value.text)
    return Styled(f"{value.mark} {text}" if value.mark else text, value.style)


def _table_lines(streams: Streams, columns: Sequence[Column], groups: Sequence[Group]) -> list[str]:
    from mull.terminal.console import drawing

    cells = [[[_cell(value) for value in row] for row in group.rows] for group in groups]
    every = [row for rows in cells for row in rows]
    numeric = [_is_numeric(index, every) for index in range(len(columns))]
    fitting = _fit(columns, every, streams.width - 1)
    lines: list[str] = []
    if fitting is None:
        for group, rows in zip(groups, cells, strict=True):
            named = [[_named(*cell) for cell in zip(row, columns, numeric, strict=True)] for row in rows]
            lines += _titled(streams, group, _stacked(streams, named, "bold"), first=not lines)
        return lines
    kept, widths = fitting
    right = [numeric[index] or columns[index].right for index in kept]

    def drawn(rows: Iterable[Sequence[Styled]]) -> list[str]:
        chosen = ([row[index] for index in kept] for row in rows)
        return drawing.lines(streams, drawing.grid(streams, widths, right, chosen, GAP))

    heads = drawn([[Styled(column.head, "table_head") for column in columns]])
    total = sum(widths) + GAP * (len(widths) - 1)
    line = streams.stdout_style(("─" if streams.unicode else "-") * total, "border")
    lines = [*heads, line]
    for group, rows in zip(groups, cells, strict=True):
        lines += _titled(streams, group, drawn(rows) if rows else [], first=len(lines) <= len(heads) + 1)
    if len(lines) >= streams.size()[1]:
        lines += [line, *heads]
    return lines


def _titled(streams: Streams, group: Group, lines: Sequence[str], *, first: bool) -> list[str]:
    title = [streams.stdout_style(one_line(group.title), group.style)] if group.title else []
    return [*([""] if title and not first else []), *title, *lines]


def _fit(
    columns: Sequence[Column], rows: Sequence[Sequence[Styled]], room: int
) -> tuple[list[int], list[int]] | None:
    """The columns that fit into `room`, by number, and their widths; None if those that must stay don't fit."""
    texts = [[columns[index].head, *(row[index].text for row in rows)] for index in range(len(columns))]
    natural = [max(map(width, column), default=0) for column in texts]
    least = [
        min(size, max(NARROWEST, *(width(word) for line in column for word in line.split()), 0))
        for size, column in zip(natural, texts, strict=True)
    ]
    kept = [index for index in range(len(columns)) if natural[index]]
    while sum(least[index] for index in kept) + GAP * (len(kept) - 1) > room:
        leaving = max(kept, key=lambda index: columns[index].leaves)
        if columns[leaving].leaves == 0:
            return None
        kept.remove(leaving)
    widths = {index: natural[index] for index in kept}
    while sum(widths.values()) + GAP * (len(kept) - 1) > room:
        widest = max(
            (index for index in kept if widths[index] > least[index]), key=lambda index: widths[index]
        )
        widths[widest] -= 1
    return kept, [widths[index] for index in kept]


def _is_numeric(index: int, rows: Sequence[Sequence[Styled]]) -> bool:
    return bool(rows) and all(_is_number(row[index].text) for row in rows)


def _is_number(text: str) -> bool:
    return text.replace(",", "").replace(".", "", 1).removeprefix("-").removesuffix("%").isdigit()


def _named(cell: Styled, column: Column, is_number: bool) -> Styled:
    """A number needs its column's heading."""
    return cell._replace(text=f"{column.head.lower()} {cell.text}") if is_number else cell


def _stacked(streams: Streams, rows: Sequence[Sequence[Styled]], first_style: str = "") -> list[str]:
    """The first cell on its own line, the others below it, as many to a line as fit."""
    style, room = streams.stdout_style, max(1, streams.width - 1 - len(INDENT))
    lines = []
    for first, *others in rows:
        name = first.style or first_style
        lines += [style(line, name) for line in wrap(first.text, room)] if first.text else []
        lines += [
            f"{INDENT}{line}" for line in _packed(streams, [cell for cell in others if cell.text], room)
        ]
    return lines


def _packed(streams: Streams, cells: Sequence[Styled], room: int) -> list[str]:
    """Cells joined into lines; a cell is broken only if it is wider than a line."""
    style, joint = streams.stdout_style, JOINT if streams.unicode else " - "
    lines: list[str] = []
    used = room
    for cell in cells:
        size = width(cell.text)
        if used + width(joint) + size <= room:
            lines[-1] += joint + style(cell.text, cell.style)
            used += width(joint) + size
        else:
            lines += [style(line, cell.style) for line in _wrap_paths(cell.text, room)]
            used = width(cell.text) if size <= room else room
    return lines


def _wrap_paths(text: str, columns: int) -> list[str]:
    """Wrapped at words; a path that is longer than a line is broken behind its slashes."""
    lines, line = [], ""
    for word in text.split():
        for number, piece in enumerate(_PARTS.findall(word) if width(word) > columns else [word]):
            longer = f"{line} {piece}" if line and not number else line + piece
            if width(longer) <= columns:
                line = longer
                continue
            *whole, rest = wrap(piece, columns)
            lines += [*filter(None, [line]), *whole]
            line = rest
    return [*lines, line]
