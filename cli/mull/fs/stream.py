"""Read a pipe or another stream to its end, so that Ctrl+C always ends the wait.

Python handles a signal between two instructions: one that comes just before a blocking `read` stays unseen until that
read returns, which may be never. So the wait is a `select` with a limit, and only what has come is read.
"""

from __future__ import annotations

import os
import select
import sys

_STEP = 0.25  # seconds until a signal that came just before the wait is seen
_PIECE = 1 << 20  # bytes


def read_stream(descriptor: int, most: int) -> bytes:
    """What comes until the end of the stream, at most `most` bytes. Raises OSError as `os.read` does."""
    data = bytearray()
    while len(data) < most:
        if sys.platform != "win32" and not select.select([descriptor], [], [], _STEP)[0]:
            continue  # Windows has no select for pipes
        piece = os.read(descriptor, min(_PIECE, most - len(data)))
        if not piece:
            break
        data += piece
    return bytes(data)
