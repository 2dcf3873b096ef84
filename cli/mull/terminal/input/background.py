"""Ask the terminal for its background colour, its name, and whether it has the kitty keyboard protocol.

In: the streams, before anything else reads keys. Out: the theme is settled. Its questions (OSC 11, XTVERSION, `CSI ?u`)
are followed by one that every terminal answers (DA1), so that one without the others costs no wait. Keys that arrive
meanwhile are kept for the next reader; where keys are waiting already, nothing is asked, as they belong to that reader.
"""

from __future__ import annotations

import os
import re
import select
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from mull.terminal.console.streams import Streams
from mull.terminal.console.theme import ThemeChoice, ThemeName
from mull.terminal.input.remembered import recall, remember

LIMIT, REMOTE_LIMIT = 0.1, 0.5  # seconds; over SSH the answer takes a round trip
_QUESTION = b"\x1b]11;?\x1b\\\x1b[>q\x1b[?u\x1b[c"
_COLOR = re.compile(
    rb"\x1b\]11;rgba?:([0-9a-fA-F]+)/([0-9a-fA-F]+)/([0-9a-fA-F]+)[^\x07\x1b]*(?:\x07|\x1b\\)"
)
_NAME = re.compile(rb"\x1bP>\|([^\x07\x1b]*)(?:\x07|\x1b\\)")
_PROTOCOL = re.compile(rb"\x1b\[\?[0-9]+u")
_ATTRIBUTES = re.compile(rb"\x1b\[\?[0-9;]*c")
_REPORT = re.compile(rb"\x1b[\]P][^\x07\x1b]*(?:\x07|\x1b\\)")
_CONTROL = re.compile(rb"[\x00-\x06\x08-\x1a\x1c-\x1f\x7f]")  # a key: an answer has none
_SILENT = {"linux"}  # its console prints the question
_typed = bytearray()
_protocol: bool | None = None  # None: not asked yet
_name = ""  # of the terminal


def settle_theme(streams: Streams, environ: Mapping[str, str] | None = None) -> None:
    """Choose the theme now, where something will be drawn in colour; else do nothing. May be called again.

    Raises MullError (invalid_config) for a style of the config that cannot be parsed.
    """
    if not streams.palette.ready and not (streams.stdout_style.plain and streams.stderr_style.plain):
        use_theme(streams, streams.palette.choice, environ)


def settle_theme_unasked(streams: Streams, environ: Mapping[str, str] | None = None) -> None:
    """The same without a question to the terminal, by what it said at another time: for output that reads no keys.

    Keys that are typed meanwhile stay for the shell. Raises as `settle_theme`.
    """
    palette = streams.palette
    if palette.ready or (streams.stdout_style.plain and streams.stderr_style.plain):
        return
    auto = palette.choice.name == "auto" and streams.stdout_style.color
    palette.use(palette.choice, recall(os.environ if environ is None else environ) if auto else None)


def use_theme(streams: Streams, choice: ThemeChoice, environ: Mapping[str, str] | None = None) -> None:
    """Switch to this theme. Raises as `settle_theme`."""
    asks = choice.name == "auto" and streams.stdout_style.color
    found = background(streams, os.environ if environ is None else environ) if asks else None
    streams.palette.use(choice, found)


def take_typed() -> bytes:
    """The keys that arrived with an answer, once."""
    typed = bytes(_typed)
    _typed.clear()
    return typed


def has_typed() -> bool:
    """Do keys wait for `take_typed`?"""
    return bool(_typed)


def keep_typed(keys: bytes) -> None:
    """Keep these keys, too, for the next reader."""
    _typed.extend(keys)


def ask_terminal(streams: Streams, environ: Mapping[str, str] | None = None) -> None:
    """Ask now, unless the terminal was asked already."""
    if _protocol is None:
        background(streams, os.environ if environ is None else environ)


def has_protocol() -> bool:
    """Has the terminal said that it has the kitty keyboard protocol?"""
    return bool(_protocol)


def terminal_name() -> str:
    """What the terminal calls itself, with its version; empty where it does not say."""
    return _name


def background(streams: Streams, environ: Mapping[str, str]) -> ThemeName | None:
    """ "dark" or "light"; None where the terminal does not say."""
    global _protocol, _name  # noqa: PLW0603 - there is one terminal, and it is asked once
    if not (streams.stdin_tty and streams.stdout_live) or sys.platform == "win32":
        return None
    if environ.get("TERM", "") in _SILENT:
        return None
    limit = REMOTE_LIMIT if environ.get("SSH_CONNECTION") else LIMIT
    with suppress(OSError, ValueError):
        answer = _answer(streams.stdin.fileno(), streams.stdout.fileno(), limit)
        _protocol = _protocol or _PROTOCOL.search(answer) is not None
        _name = named[1].decode("ascii", "replace") if (named := _NAME.search(answer)) else _name
        theme = _theme_of(answer)
        if theme is not None:
            remember(environ, theme)
        return theme
    return None


def _answer(fd: int, out: int, limit: float) -> bytes:
    """What the terminal says within `limit` seconds; empty where it cannot be asked. Restores the terminal's mode."""
    if sys.platform == "win32":
        return b""
    import termios

    deadly = {signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGTSTP}
    if os.tcgetpgrp(fd) != os.getpgrp():  # in the background: the keys belong to the shell
        return b""
    try:
        before = termios.tcgetattr(fd)
        mode: list[Any] = termios.tcgetattr(fd)
        mode[3] &= ~(termios.ECHO | termios.ICANON)
        mode[6][termios.VMIN], mode[6][termios.VTIME] = 1, 0
        masked = signal.pthread_sigmask(
            signal.SIG_BLOCK, deadly
        )  # they would leave the terminal without echo
        try:
            termios.tcsetattr(fd, termios.TCSANOW, mode)
            if select.select([fd], [], [], 0)[0]:
                return b""
            os.write(out, _QUESTION)
            return _read(fd, time.monotonic() + limit)
        finally:
            termios.tcsetattr(fd, termios.TCSANOW, before)
            signal.pthread_sigmask(signal.SIG_SETMASK, masked)
    except termios.error:  # the terminal is gone
        return b""


def _read(fd: int, until: float) -> bytes:
    data = b""
    while not _ATTRIBUTES.search(data) and (left := until - time.monotonic()) > 0:
        if select.select([fd], [], [], left)[0]:
            piece = os.read(fd, 4096)
            if not piece:
                break
            data += piece
    data = _REPORT.sub(_with_keys_after, data)
    typed = data
    for answer in (_COLOR, _NAME, _PROTOCOL, _ATTRIBUTES):
        typed = answer.sub(b"", typed)
    _typed.extend(typed)
    return data


def _with_keys_after(report: re.Match[bytes]) -> bytes:
    """An answer, then the keys that were pressed while it came."""
    return _CONTROL.sub(b"", report[0]) + b"".join(_CONTROL.findall(report[0]))


def _theme_of(answer: bytes) -> ThemeName | None:
    """By the colour's luma (ITU-R BT.601), of parts with one to four hexadecimal digits."""
    found = _COLOR.search(answer)
    if found is None:
        return None
    red, green, blue = (int(part, 16) / (16 ** len(part) - 1) for part in found.groups())
    return "light" if 0.299 * red + 0.587 * green + 0.114 * blue > 0.5 else "dark"
