"""Draw with rich: a renderable as lines in the theme's styles, for a stream of the terminal.

In: a rich renderable, sanitized. Out: lines with SGR codes, without spaces at their ends, which would be copied too.
The caller writes them, and imports this module on use, as it imports rich.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from functools import lru_cache

from rich.box import ROUNDED
from rich.console import Console, RenderableType
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.rule import Rule
from rich.segment import Segment
from rich.style import Style as RichStyle
from rich.table import Table
from rich.text import Text

from mull.terminal.console.streams import Streams
from mull.terminal.console.style import Style, Styled


def lines(streams: Streams, drawn: RenderableType, *, on: Style | None = None, edge: int = 1) -> list[str]:
    """`drawn` as lines within the terminal's width less `edge`, since some wrap at it. `on`: the stream's style, unless
    it is stdout's."""
    style = on or streams.stdout_style
    console = _console(streams.unicode, style.color and not style.plain)
    options = console.options.update(width=max(1, streams.width - edge), height=None)
    return [_line(row, plain=style.plain) for row in console.render_lines(drawn, options, pad=False)]


def grid(
    streams: Streams,
    widths: Sequence[int],
    right: Sequence[bool],
    rows: Iterable[Sequence[Styled]],
    gap: int,
) -> Table:
    """Rows of sanitized cells in columns of these widths; they wrap at words."""
    table = Table.grid(padding=(0, gap, 0, 0), pad_edge=False)
    for width, is_right in zip(widths, right, strict=True):
        table.add_column(width=width, justify="right" if is_right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell.text, _style(streams, cell.style)) for cell in row))
    return table


def rule(streams: Streams, title: str) -> Rule:
    """A line over the width, with a sanitized title at its left if there is one."""
    line = "─" if streams.unicode else "-"
    return Rule(
        Text(title, _style(streams, "bold accent")),
        characters=line,
        style=_style(streams, "border"),
        align="left",
    )


def panel(streams: Streams, title: str, body: RenderableType, columns: int) -> Panel:
    """A box of this width around `body`, with a sanitized title in its upper line."""
    return Panel(
        body,
        box=ROUNDED,
        title=Text(title, _style(streams, "bold accent")),
        title_align="left",
        width=columns,
        border_style=_style(streams, "border"),
    )


def bars(
    streams: Streams,
    rows: Iterable[tuple[str, tuple[float, float], str]],
    widths: tuple[int, int, int],
    gap: int,
) -> Table:
    """Lines of a sanitized name, a bar for (done, total), and figures; for stderr."""
    style = streams.stderr_style
    table = Table.grid(padding=(0, gap, 0, 0), pad_edge=False)
    for size in widths:
        table.add_column(width=size, no_wrap=True)
    done, left = (_style(streams, name, on=style) for name in ("progress", "progress_left"))
    for name, (part, total), figures in rows:
        bar = ProgressBar(
            total=total or 1,
            completed=part,
            width=widths[1],
            style=left,
            complete_style=done,
            finished_style=done,
        )
        table.add_row(Text(name), bar if total else Text(), Text(figures))
    return table


def _style(streams: Streams, names: str, *, on: Style | None = None) -> RichStyle:
    style = on or streams.stdout_style
    return RichStyle.null() if style.plain or not names else style.palette.style(names, color=style.color)


@lru_cache(maxsize=4)
def _console(unicode: bool, color: bool) -> Console:
    """It writes nothing; it lays out. Without colours, bars leave their unfinished part blank."""
    file = io.TextIOWrapper(io.BytesIO(), encoding="utf-8" if unicode else "ascii")
    return Console(
        file=file,
        force_terminal=True,
        color_system="truecolor" if color else None,
        legacy_windows=False,
        markup=False,
        highlight=False,
        emoji=False,
        _environ={},
    )


def _line(row: Sequence[Segment], *, plain: bool) -> str:
    """The segments as text with codes, without the spaces at the end that show nothing."""
    parts = [(segment.text, segment.style) for segment in row if not segment.control]
    while parts and not parts[-1][0].strip(" ") and not (parts[-1][1] and parts[-1][1].bgcolor):
        parts.pop()
    if parts and not (parts[-1][1] and parts[-1][1].bgcolor):
        parts[-1] = (parts[-1][0].rstrip(" "), parts[-1][1])
    return "".join(text if plain or style is None else style.render(text) for text, style in parts)
