"""Copy text to the clipboard: by the platform's tool, if there is one, and by the terminal's escape sequence (OSC 52).

In: text and the streams. Out: the name of what took it, for a notice. The escape sequence reaches the clipboard of the
machine the user sits at, also through ssh; the tool works in terminals that ignore the sequence. So both are used.
"""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence

from mull.terminal.console.streams import Streams

OSC_LIMIT = 74_994  # bytes; xterm accepts 100,000 characters of base64
_TIMEOUT = 2.0  # seconds; a tool may wait for a display


def copy(text: str, streams: Streams, environ: Mapping[str, str] | None = None) -> str | None:
    """Copy the text; returns the name of what took it ("the terminal" for OSC 52), None if nothing did."""
    taken = None
    for command in _tools(os.environ if environ is None else environ):
        if shutil.which(command[0]) and _run(command, text):
            taken = command[0]
            break
    data = text.encode(errors="replace")
    if len(data) > OSC_LIMIT:
        return taken
    for stream, live in ((streams.stdout, streams.stdout_live), (streams.stderr, streams.stderr_live)):
        if live:
            stream.write(f"\x1b]52;c;{base64.b64encode(data).decode()}\x07")
            stream.flush()
            return taken or "the terminal"
    return taken


def _tools(environ: Mapping[str, str]) -> Sequence[Sequence[str]]:
    if sys.platform == "darwin":
        return (("pbcopy",),)
    if sys.platform == "win32":
        return (("clip",),)
    tools: list[Sequence[str]] = []
    if environ.get("WAYLAND_DISPLAY"):
        tools.append(("wl-copy",))
    if environ.get("DISPLAY"):
        tools += [("xclip", "-selection", "clipboard"), ("xsel", "--clipboard", "--input")]
    if environ.get("WSL_DISTRO_NAME"):
        tools.append(("clip.exe",))
    if environ.get("TERMUX_VERSION"):
        tools.append(("termux-clipboard-set",))
    return tools


def _run(command: Sequence[str], text: str) -> bool:
    encoding = "utf-16-le" if command[0].startswith("clip") else "utf-8"
    try:
        done = subprocess.run(
            command,
            input=text.encode(encoding, errors="replace"),
            stdout=subprocess.DEVNULL,  # xclip keeps them open as long as it owns the selection
            stderr=subprocess.DEVNULL,
            timeout=_TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
