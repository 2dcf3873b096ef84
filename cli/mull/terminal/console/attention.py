"""The window's title, and a notification or the bell for users who look elsewhere.

In: text, which is sanitized here. Out: escape sequences on stdout, only for terminals that are known to take them:
titles by `TERM`; notifications (OSC 9, OSC 777) by what the terminal says of itself in the environment, else the bell.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping

from mull.terminal.console.sanitize import one_line
from mull.terminal.console.streams import Streams
from mull.terminal.console.width import clip

LONGEST = 60  # cells of a title
_TITLED = re.compile(
    "xterm|rxvt|screen|tmux|alacritty|foot|kitty|ghostty|wezterm|konsole|vte|st(-|$)|contour|mintty"
)
# iTerm2's notifications, by the name in TERM_PROGRAM or TERM; rxvt's.
_OSC_9 = re.compile(r"iTerm\.app|WezTerm|ghostty|xterm-ghostty|xterm-kitty|wezterm")
_OSC_777 = re.compile(r"foot(-extra)?|rxvt-unicode(-256color)?")
_SAVE, _RESTORE = "\x1b[22;2t", "\x1b[23;2t"  # xterm's stack of titles; terminals without one ignore it


class Window:
    """The title of the terminal's window. It changes nothing where the terminal is not known to have one."""

    def __init__(self, streams: Streams, environ: Mapping[str, str] | None = None) -> None:
        environ = os.environ if environ is None else environ
        known = sys.platform == "win32" or _TITLED.match(environ.get("TERM", ""))
        self._streams = streams
        self._able = streams.stdout_live and bool(known)
        self._shown: str | None = None

    def show(self, title: str) -> None:
        if self._able and title != self._shown:
            save = _SAVE if self._shown is None else ""
            self._shown = title
            self._streams.write(f"{save}\x1b]2;{clip(one_line(title), LONGEST)}\a")

    def close(self) -> None:
        """Restore the title of before."""
        if self._shown is not None:
            self._shown = None
            self._streams.write(_RESTORE)


def notify(streams: Streams, text: str, *, bell: bool, environ: Mapping[str, str] | None = None) -> None:
    """Show a notification where the terminal can, and ring the bell elsewhere, or if `bell`."""
    if streams.stdout_live:
        streams.write(
            "\a" if bell else _notification(one_line(text), os.environ if environ is None else environ)
        )


def _notification(text: str, environ: Mapping[str, str]) -> str:
    if environ.get("TMUX") or environ.get("STY"):  # they take no notifications, but pass on the bell
        return "\a"
    term = environ.get("TERM", "")
    if _OSC_9.fullmatch(environ.get("TERM_PROGRAM", "")) or _OSC_9.fullmatch(term):
        return f"\x1b]9;{text}\a"
    if _OSC_777.fullmatch(term):
        return f"\x1b]777;notify;mull;{text.replace(';', ',')}\a"
    return "\a"
