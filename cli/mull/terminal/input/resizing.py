"""A prompt whose window is resized: where the terminal has wrapped its rows again, all of them are erased.

In: a prompt_toolkit application. Out: it erases the rows that it has drawn, at the new width. prompt_toolkit counts the
old ones; what is wider than the window now would stay above the prompt, once for each resize. Terminals that do not
wrap old lines (xterm, GNU screen, the Linux console) need no more than prompt_toolkit does; a terminal of which nothing
is known counts as one of these, since a row too many would be a row of the last answer.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from mull.terminal.console.erasing import ERASE_BELOW
from mull.terminal.console.last_turn import LastTurn
from mull.terminal.input.background import terminal_name

if TYPE_CHECKING:
    from prompt_toolkit import Application
    from prompt_toolkit.layout import Layout
    from prompt_toolkit.layout.screen import Screen

SETTLED_SECONDS = 0.1  # without a further resize; a window that is dragged has one every few milliseconds
MOST_TRIES = 20  # waits for the terminal to say where the cursor is
_NAMES = re.compile(
    r"tmux|kitty|vte|wezterm|foot|konsole|iterm|ghostty|alacritty|contour|rio|windows", re.IGNORECASE
)
_PROGRAMS = {"Apple_Terminal", "iTerm.app", "vscode", "WezTerm", "ghostty", "WarpTerminal", "Hyper", "rio"}
_VARIABLES = (
    "TMUX",
    "VTE_VERSION",
    "KITTY_WINDOW_ID",
    "ALACRITTY_WINDOW_ID",
    "KONSOLE_VERSION",
    "WT_SESSION",
)


def wraps_again(environ: Mapping[str, str] = os.environ) -> bool:
    """Is the terminal known to wrap old lines at the new width?"""
    if name := terminal_name():
        return _NAMES.match(name) is not None
    if "STY" in environ or "XTERM_VERSION" in environ:  # GNU screen, xterm
        return False
    return environ.get("TERM_PROGRAM") in _PROGRAMS or any(name in environ for name in _VARIABLES)


def redraws(environ: Mapping[str, str] = os.environ) -> bool:
    """Is it measured how many rows old lines take after a resize? A wrong number would leave a part of them."""
    return terminal_name().startswith("tmux ") or (not terminal_name() and "TMUX" in environ)


def erase_wrapped_rows(app: Application[str]) -> None:
    """Change how `app` erases itself, and let it do so before it draws for another width.

    prompt_toolkit erases where the signal of a resize arrives. What draws before that, such as the terminal's answer to
    "where is the cursor?", would draw for the new width below rows that the terminal has wrapped. And what is drawn for
    the old width while the terminal has its new one already (tmux sends the signal up to 0.25 s later) is to be wrapped
    as what stood there was, or the number of rows to erase would be wrong.
    """
    renderer = app.renderer
    erase, render, disable_autowrap = renderer.erase, renderer.render, app.output.disable_autowrap
    if sys.platform != "win32":
        app.output.erase_down = lambda: app.output.write_raw(ERASE_BELOW)  # type: ignore[method-assign]
        app.terminal_size_polling_interval = None  # the signal comes; each resize would be drawn twice

    def erase_all(leave_alternate_screen: bool = True) -> None:
        screen = renderer.last_rendered_screen
        if screen is not None and wraps_again():
            cursor = screen.get_cursor_position(app.layout.current_window)
            columns = max(1, app.output.get_size().columns)
            more = sum(max(0, _cells(screen, row) - 1) // columns for row in range(cursor.y))
            app.output.cursor_up(more + cursor.x // columns)  # 0 where the width is that of the screen
        erase(leave_alternate_screen)

    def render_once(app: Application[Any], layout: Layout, is_done: bool = False) -> None:
        size = renderer._last_size  # noqa: SLF001
        if renderer.last_rendered_screen is not None and size != app.output.get_size():
            renderer.erase(leave_alternate_screen=False)  # as for the signal, which is on its way
        render(app, layout, is_done)

    def keep_wrapping() -> None:
        if not wraps_again():
            disable_autowrap()

    renderer.erase = erase_all  # type: ignore[method-assign]
    renderer.render = render_once  # type: ignore[method-assign]
    app.output.disable_autowrap = keep_wrapping  # type: ignore[method-assign]


def _cells(screen: Screen, row: int) -> int:
    """How far the text of a row reaches."""
    return max(
        (at + char.width for at, char in screen.data_buffer[row].items() if char.char != " "), default=0
    )


def redraw_turn(app: Application[str], turn: LastTurn) -> None:
    """Let `app` draw the turn above it again after a resize, once the window's size has settled."""
    _Redrawer(app, turn)


class _Redrawer:
    """The prompt's first row is known from the terminal's answer to "where is the cursor?", which prompt_toolkit asks
    for after each resize."""

    def __init__(self, app: Application[str], turn: LastTurn) -> None:
        self._app, self._turn = app, turn
        self._row: int | None = None  # of the prompt's beginning, from 1
        self._tries = 0
        self._timer: asyncio.TimerHandle | None = None
        renderer = app.renderer
        self._erase, self._report = renderer.erase, renderer.report_absolute_cursor_row
        renderer.erase = self._erased  # type: ignore[method-assign]
        renderer.report_absolute_cursor_row = self._reported  # type: ignore[method-assign]

    def _erased(self, leave_alternate_screen: bool = True) -> None:
        self._erase(leave_alternate_screen)
        if not leave_alternate_screen:
            self._row, self._tries = None, 0
            self._wait()
        elif not self._app.is_done:  # an editor, the shell, Ctrl+L: whatever is above then
            self._turn.forget()

    def _reported(self, row: int) -> None:
        self._row = row
        self._report(row)

    def _wait(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        with suppress(RuntimeError):  # no event loop: a test
            self._timer = asyncio.get_running_loop().call_later(SETTLED_SECONDS, self._redraw)

    def _redraw(self) -> None:
        app, renderer, output = self._app, self._app.renderer, self._app.output
        screen = renderer.last_rendered_screen
        if not app.is_running or app.is_done or screen is None or not redraws():
            return
        if self._row is None or renderer.waiting_for_cpr:
            self._tries += 1
            if self._tries < MOST_TRIES:
                self._wait()
            return
        size = output.get_size()
        above = min(self._row, size.rows - screen.height + 1) - 1  # drawing the prompt may have scrolled
        todo = self._turn.redraw(size.columns, above)
        if todo is None or not todo.rows:
            return
        output.write_raw("\x1b[?2026h")  # one frame, where the terminal has synchronized output
        self._erase()
        output.cursor_up(todo.rows)
        output.erase_down()
        output.write_raw("".join(f"{line}\r\n" for line in todo.lines))
        output.flush()
        app._request_absolute_cursor_position()  # noqa: SLF001 - as prompt_toolkit does after a resize
        app._redraw()  # noqa: SLF001
        output.write_raw("\x1b[?2026l")
        output.flush()
