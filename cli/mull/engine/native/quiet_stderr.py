"""Keeps what native code writes to stderr off the screen.

ggml's Vulkan backend and GPU drivers write some errors straight to file descriptor 2, past llama.cpp's log. Python's
stderr moves to a duplicate of that descriptor, and the descriptor itself then leads to the log. Done once, and only for
builds with a GPU backend.
"""

from __future__ import annotations

import functools
import io
import os
import sys
from contextlib import suppress
from pathlib import Path

_STDERR = 2


@functools.cache
def divert(log: Path) -> None:
    """Send descriptor 2 to the end of `log`, or nowhere if that cannot be opened; `sys.stderr` stays where it is."""
    buffer = getattr(sys.stderr, "buffer", None)
    raw = getattr(buffer, "raw", buffer)  # with PYTHONUNBUFFERED there is no buffer between
    if not isinstance(raw, io.FileIO) or raw.fileno() != _STDERR:
        return
    with suppress(OSError):
        screen, target = os.dup(_STDERR), _open(log)
        sys.stderr.flush()
        io.FileIO.__init__(raw, screen, "wb", closefd=False)  # the same object: others hold it
        os.dup2(target, _STDERR)
        os.close(target)


def _open(log: Path) -> int:
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0)
        return os.open(log, flags, 0o600)
    except OSError:
        return os.open(os.devnull, os.O_WRONLY)
