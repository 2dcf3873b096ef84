"""A picker: a list with a filter line, drawn under the cursor and erased when it closes.

In: rows with a value each, on a terminal. Out: the chosen row's value, or None. Typing filters, the arrow keys, PgUp,
PgDn, Home and End move, Enter takes, Esc and Ctrl+C close. It never takes more rows than the terminal has.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Generic, TypeVar

from mull.dataclass import dataclass
from mull.terminal.console.sanitize import one_line
from mull.terminal.console.streams import Streams
from mull.terminal.console.style import Styled
from mull.terminal.console.width import clip, fitting, width, wrap
from mull.terminal.input.fuzzy import rank_words
from mull.terminal.input.prompt_input import terminal_input
from mull.terminal.input.prompt_style import color_depth, definition, prompt_style
from mull.terminal.input.signals import end_on_signals, restored_handlers

if TYPE_CHECKING:
    from prompt_toolkit.application import Application
    from prompt_toolkit.formatted_text import StyleAndTextTuples
    from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

T = TypeVar("T")
MOST_ROWS = 12  # of the list
_PREVIEW_LINES = 2
_PREVIEW_FROM = 14  # rows of a terminal that has room for a preview
_GAP = 2


@dataclass(frozen=True, slots=True)
class Row(Generic[T]):
    """One row. `columns` stand beside the title, the most important first; `preview` is shown for the chosen row, and
    the filter looks into both. `mark`: one character before the title. `style`: of the title, in the theme."""

    value: T
    title: str
    columns: tuple[str | Styled, ...] = ()
    preview: str = ""
    mark: str = ""
    style: str = ""


def can_pick(streams: Streams) -> bool:
    """Whether a picker can be drawn and answered here."""
    return streams.stdin_tty and streams.stdout_live


def pick(streams: Streams, heading: str, rows: Sequence[Row[T]], *, at: int = 0) -> T | None:
    """Let the user pick a row; `at`: the one that is chosen first. None: closed without choosing, or nothing to draw.

    Raises SystemExit for a termination signal.
    """
    if not (rows and can_pick(streams)):
        return None
    choice = Choice(rows, at)
    with restored_handlers():
        taken: bool = _application(streams, heading, choice).run(pre_run=end_on_signals)
    return choice.current.value if taken and choice.current else None


class Choice(Generic[T]):
    """The rows that match the filter, and which of them is chosen."""

    def __init__(self, rows: Sequence[Row[T]], at: int = 0) -> None:
        self.rows = rows
        self.found = list(rows)
        self._at = at
        self._top = 0

    @property
    def current(self) -> Row[T] | None:
        return self.found[self._at] if self.found else None

    def filter(self, words: str) -> None:
        """Show what matches, the best first; the order stays among equals."""
        ranked = [
            (rank, row)
            for row in self.rows
            if (rank := rank_words(words, row.title, " ".join(map(str, (*row.columns, row.preview)))))
            is not None
        ]
        self.found = [row for _, row in sorted(ranked, key=lambda pair: pair[0])]
        self._at = self._top = 0

    def move(self, step: int) -> None:
        self._at = max(0, min(self._at + step, len(self.found) - 1))

    def visible(self, count: int) -> list[Row[T]]:
        """At most `count` rows around the chosen one."""
        self._top = max(self._at - count + 1, min(self._top, self._at, max(len(self.found) - count, 0)))
        return self.found[self._top : self._top + count]


class _View(Generic[T]):
    """The lines of a picker, in the size that the terminal has now."""

    def __init__(self, streams: Streams, heading: str, choice: Choice[T]) -> None:
        self._streams = streams
        self._heading = heading
        self._choice = choice
        self._pointer, self._dot, self._dots = ("▸", "·", "…") if streams.unicode else (">", "-", "...")

    @property
    def page(self) -> int:
        """Rows of the list."""
        _, rows = self._streams.size()
        around = 3 + (_PREVIEW_LINES if self._has_preview else 0)  # heading, filter, hint
        return max(1, min(MOST_ROWS, len(self._choice.rows), rows - around - 1))

    @property
    def _has_preview(self) -> bool:
        return self._streams.size()[1] >= _PREVIEW_FROM and any(row.preview for row in self._choice.rows)

    def head(self) -> StyleAndTextTuples:
        found, all_rows = len(self._choice.found), len(self._choice.rows)
        parts = [self._heading, f"{found:,} of {all_rows:,}" if found < all_rows else f"{all_rows:,}"]
        return [("class:picker.heading", self._joined(parts))]

    def body(self) -> StyleAndTextTuples:
        rows = self._choice.visible(self.page)
        if not rows:
            return [("class:picker.about", self._clip("  Nothing matches."))]
        widths = self._widths()
        lines: StyleAndTextTuples = []
        for row in rows:
            lines += [*self._line(row, widths), ("", "\n")]
        return lines[:-1]

    def foot(self) -> StyleAndTextTuples:
        lines: list[str] = []
        if self._has_preview:
            row = self._choice.current
            text = one_line(row.preview)[:2000] if row else ""
            lines = [self._clip(f"  {line}") for line in wrap(text, self._columns - 2)]
            if len(lines) > _PREVIEW_LINES:
                lines[_PREVIEW_LINES - 1] = self._clip(lines[_PREVIEW_LINES - 1] + " " + self._dots + " " * 9)
            lines = (lines + [""] * _PREVIEW_LINES)[:_PREVIEW_LINES]
        lines.append(self._joined(["Enter takes it", "Esc closes", "type to filter"]))
        return [("class:picker.about", "\n".join(lines))]

    @property
    def _columns(self) -> int:
        return self._streams.width - 1

    def _clip(self, text: str) -> str:
        return clip(text, self._columns, self._dots)

    def _joined(self, parts: Sequence[str]) -> str:
        return fitting(parts, self._columns, f" {self._dot} ")

    def _widths(self) -> list[int]:
        """Cells of the title and of as many columns as fit beside it."""
        rows, room = self._choice.rows, self._columns - _GAP - self._marked
        title = max(width(one_line(row.title)) for row in rows)
        widths = [min(title, max(room // 2, 16), room)]
        for number in range(max(len(row.columns) for row in rows)):
            wide = max(width(one_line(str(row.columns[number]))) for row in rows if number < len(row.columns))
            if sum(widths) + _GAP * len(widths) + wide > room:
                break
            widths.append(wide)
        widths[0] = max(1, min(title, room - sum(widths[1:]) - _GAP * (len(widths) - 1)))
        return widths

    @property
    def _marked(self) -> int:
        return 2 if any(row.mark for row in self._choice.rows) else 0

    def _line(self, row: Row[T], widths: Sequence[int]) -> StyleAndTextTuples:
        chosen = row is self._choice.current
        mark = f"{row.mark or ' '} " if self._marked else ""
        cells = [
            (text.style if isinstance(text, Styled) else "muted", self._cell(str(text), wide))
            for text, wide in zip(row.columns, widths[1:], strict=False)
        ]
        title = f"{self._pointer if chosen else ' '} {mark}{self._cell(row.title, widths[0])}"
        if chosen:
            return [("class:picker.chosen", title + "".join(" " * _GAP + text for _, text in cells))]
        drawn = [(self._style(style), " " * _GAP + text) for style, text in cells]
        return [(self._style(row.style), title), *drawn]

    def _cell(self, text: str, columns: int) -> str:
        text = clip(one_line(text), columns, self._dots)
        return text + " " * (columns - width(text))

    def _style(self, name: str) -> str:
        style = self._streams.stdout_style
        return definition(style.palette.style(name, color=style.color)) if name else ""


def _application(streams: Streams, heading: str, choice: Choice[T]) -> Application[bool]:
    from prompt_toolkit.application import Application
    from prompt_toolkit.buffer import Buffer
    from prompt_toolkit.layout import BufferControl, FormattedTextControl, HSplit, Layout, Window
    from prompt_toolkit.layout.processors import BeforeInput

    view = _View(streams, heading, choice)
    words = Buffer(multiline=False, on_text_changed=lambda buffer: choice.filter(buffer.text))

    def text(lines: Callable[[], StyleAndTextTuples]) -> Window:
        return Window(FormattedTextControl(lines), dont_extend_height=True, wrap_lines=False)

    filter_line = BufferControl(words, input_processors=[BeforeInput("> ", style="class:mark")])
    layout = HSplit([text(view.head), Window(filter_line, height=1), text(view.body), text(view.foot)])
    return Application(
        layout=Layout(layout, focused_element=filter_line),
        key_bindings=_bindings(view, choice),
        style=prompt_style(streams.stdout_style),
        include_default_pygments_style=False,
        color_depth=color_depth(streams),
        erase_when_done=True,
        input=terminal_input(streams),
    )


def _bindings(view: _View[T], choice: Choice[T]) -> KeyBindings:
    from prompt_toolkit.key_binding import KeyBindings

    bindings = KeyBindings()

    @bindings.add("enter")
    @bindings.add("c-j")
    def _take(event: KeyPressEvent) -> None:
        if choice.current:
            event.app.exit(result=True)

    @bindings.add("escape", eager=True)
    @bindings.add("c-c")
    @bindings.add("c-d")
    @bindings.add("c-g")
    @bindings.add("<sigint>")
    def _close(event: KeyPressEvent) -> None:
        event.app.exit(result=False)

    @bindings.add("c-z")
    def _suspend(event: KeyPressEvent) -> None:
        event.app.suspend_to_background()

    @bindings.add("<bracketed-paste>")
    def _paste(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text(one_line(event.data))

    steps: dict[str, Callable[[], int]] = {
        "up": lambda: -1,
        "c-p": lambda: -1,
        "s-tab": lambda: -1,
        "down": lambda: 1,
        "c-n": lambda: 1,
        "tab": lambda: 1,
        "pageup": lambda: -view.page,
        "pagedown": lambda: view.page,
        "home": lambda: -len(choice.found),
        "end": lambda: len(choice.found),
    }
    for key, step in steps.items():
        bindings.add(key)(partial(_move, choice, step))
    return bindings


def _move(choice: Choice[T], step: Callable[[], int], event: KeyPressEvent) -> None:  # noqa: ARG001
    choice.move(step())
