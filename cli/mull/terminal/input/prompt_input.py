"""What prompt_toolkit reads keys from, for the prompt and the pickers: its own input with mull's tokens in between.

In: the terminal on stdin. Out: prompt_toolkit's key presses. Unknown escape sequences are dropped, Esc is a key after a
short pause, a paste without end or without brackets is handled (`sequences.py`, `unbracketed.py`). The kitty keyboard
protocol is on while keys are read, where the terminal has it. Not for Windows, whose console sends no sequences.
"""

from __future__ import annotations

import asyncio
import select
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import TYPE_CHECKING

from mull.terminal.console.streams import Streams
from mull.terminal.input.background import has_typed, take_typed
from mull.terminal.input.protocol import keyboard_protocol
from mull.terminal.input.sequences import Token
from mull.terminal.input.unbracketed import LONG, InputReader

if TYPE_CHECKING:
    from prompt_toolkit.input import Input
    from prompt_toolkit.key_binding import KeyPress

ESCAPE_SECONDS = 0.05  # at a prompt Esc only closes something; the rest of a sequence may still come late
_READ = 1 << 16  # characters


def terminal_input(streams: Streams) -> Input | None:
    """The input of a prompt or a picker; None for prompt_toolkit's own choice."""
    if sys.platform == "win32" or not streams.stdin_tty:
        return None
    from prompt_toolkit.input.vt100 import Vt100Input
    from prompt_toolkit.key_binding import KeyPress

    class _Input(Vt100Input):
        def __init__(self) -> None:
            super().__init__(streams.stdin)
            self._reader = InputReader(ESCAPE_SECONDS)
            self._presses = _presses()
            self._callback: Callable[[], None] | None = None
            self._timer: asyncio.TimerHandle | None = None
            self._waited = False  # the first input was there before anything read it

        def raw_mode(self) -> AbstractContextManager[None]:
            return self._mode(super().raw_mode(), keeps=True)

        def cooked_mode(self) -> AbstractContextManager[None]:
            return self._mode(super().cooked_mode(), keeps=False)

        @contextmanager
        def _mode(self, mode: AbstractContextManager[None], *, keeps: bool) -> Iterator[None]:
            with mode, keyboard_protocol(streams, on=keeps):
                with suppress(OSError, ValueError):
                    self._waited = bool(select.select([self.fileno()], [], [], 0)[0])
                yield

        def attach(self, input_ready_callback: Callable[[], None]) -> AbstractContextManager[None]:
            self._callback = input_ready_callback
            if has_typed():
                with suppress(RuntimeError):  # no event loop: a test
                    asyncio.get_running_loop().call_soon(input_ready_callback)
            return super().attach(input_ready_callback)

        def read_keys(self) -> list[KeyPress]:
            data, waited = self.stdin_reader.read(_READ), self._waited
            self._waited = False
            if typed := take_typed():
                data, waited = typed.decode("utf-8", "surrogateescape") + data, True
            now = time.monotonic()
            return self._pressed([*self._reader.feed(data, now, typed=waited), *self._reader.flush(now)])

        def flush_keys(self) -> list[KeyPress]:
            return self._pressed(self._reader.flush(time.monotonic()))

        def _pressed(self, tokens: list[Token]) -> list[KeyPress]:
            """Their key presses; come back when the time decides about the rest."""
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            deadline, callback = self._reader.deadline, self._callback
            if deadline is not None and callback is not None:
                with suppress(RuntimeError):  # no event loop: a test
                    loop = asyncio.get_running_loop()
                    self._timer = loop.call_later(max(0.0, deadline - time.monotonic()) + 0.001, callback)
            return [KeyPress(key, data) for token in tokens for key, data in self._presses(token)]

    return _Input()


def _presses() -> Callable[[Token], Iterator[tuple[str, str]]]:
    """A function from a token to prompt_toolkit's (key, data)."""
    from prompt_toolkit.input.ansi_escape_sequences import ANSI_SEQUENCES
    from prompt_toolkit.keys import Keys

    def named(sequence: str) -> Iterator[tuple[str, str]]:
        found = ANSI_SEQUENCES.get(sequence, ())
        for index, key in enumerate(found if isinstance(found, tuple) else (found,)):
            yield key, sequence if index == 0 else ""

    def presses(token: Token) -> Iterator[tuple[str, str]]:
        if token.kind == "text" and len(token.text) <= LONG:
            yield from ((char, char) for char in token.text)
        elif token.kind in {"text", "paste", "lines"}:
            yield Keys.BracketedPaste, token.text
        elif token.kind == "escape":
            yield Keys.Escape, "\x1b"
            yield Keys.Ignore, ""  # what follows does not belong to it
        elif token.kind == "alt":
            yield Keys.Escape, "\x1b"
            yield from named(token.text) if token.text in ANSI_SEQUENCES else [(token.text, token.text)]
        elif _is_position(token.text):
            yield Keys.CPRResponse, token.text
        else:
            yield from named(token.text)

    return presses


def _is_position(sequence: str) -> bool:
    """The terminal's answer to "where is the cursor?"."""
    row, separator, column = sequence.removeprefix("\x1b[").removesuffix("R").partition(";")
    return sequence.endswith("R") and bool(separator) and row.isdigit() and column.isdigit()
