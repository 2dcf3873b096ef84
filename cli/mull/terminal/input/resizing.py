"""A prompt whose window is resized: where the terminal has wrapped its rows again, all of them are erased.

In: a prompt_toolkit application. Out: it erases the rows that it has drawn, at the new width. prompt_toolkit counts the
old ones; what is wider than the window now would stay above the prompt, once for each resize. Terminals that do not
wrap old lines (xterm, GNU screen, the Linux console) need no more than prompt_toolkit does; a terminal of which nothing
is known counts as one of these, since a row too many would be a row of the last answer.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from mull.terminal.input.background import terminal_name

if TYPE_CHECKING:
    from prompt_toolkit import Application
    from prompt_toolkit.layout.screen import Screen

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


def erase_wrapped_rows(app: Application[str]) -> None:
    """Change how `app` erases itself after a resize."""
    renderer = app.renderer
    erase = renderer.erase

    def erase_all(leave_alternate_screen: bool = True) -> None:
        screen = renderer.last_rendered_screen
        resized = not leave_alternate_screen  # only then it is False
        if resized and screen is not None and wraps_again():
            cursor = screen.get_cursor_position(app.layout.current_window)
            columns = max(1, app.output.get_size().columns)
            more = sum(max(0, _cells(screen, row) - 1) // columns for row in range(cursor.y))
            app.output.cursor_up(more + cursor.x // columns)
        erase(leave_alternate_screen)

    renderer.erase = erase_all  # type: ignore[method-assign]


def _cells(screen: Screen, row: int) -> int:
    """How far the text of a row reaches."""
    return max(
        (at + char.width for at, char in screen.data_buffer[row].items() if char.char != " "), default=0
    )
