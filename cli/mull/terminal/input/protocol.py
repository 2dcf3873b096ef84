"""The kitty keyboard protocol: asked for where the terminal has it, and taken back when the keys are read.

In: the streams. Out: a context in which keys are unambiguous (Esc, Shift+Enter); `key_codes.py` reads them. Whether the
terminal has the protocol is asked once, with the background colour (`background.py`). Every end of the context, by an
exception or a signal's handler too, restores the terminal's keys.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from mull.terminal.console.streams import Streams
from mull.terminal.input.background import has_protocol

PUSH, POP = "\x1b[>1u", "\x1b[<u"  # flag 1: keys that are ambiguous otherwise


@contextmanager
def keyboard_protocol(streams: Streams, *, on: bool) -> Iterator[None]:
    """`on` False: without it, inside a context that has it."""
    if not has_protocol():
        yield
        return
    _write(streams, PUSH if on else POP)
    try:
        yield
    finally:
        _write(streams, POP if on else PUSH)


def _write(streams: Streams, text: str) -> None:
    with suppress(OSError, ValueError):
        streams.stdout.write(text)
        streams.stdout.flush()
