"""Keys and signals while a turn runs, read in a thread of their own.

In: the terminal on stdin (if it is one) and the process's signals. Out: `Key` values from `Keyboard.read`,
without delay even while the main thread is inside native code: signals arrive through a wake-up descriptor, not
through Python's own handler. The context manager restores the terminal's mode and the signal handlers.
"""

from __future__ import annotations

import codecs
import os
import select
import signal
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from types import FrameType, TracebackType
from typing import Any, Literal, Self

from mull.terminal.console.streams import Streams
from mull.terminal.input.background import take_typed

KeyName = Literal[
    "interrupt",
    "escape",
    "tab",
    "fold",
    "enter",
    "newline",
    "backspace",
    "clear",
    "suspend",
    "text",
    "terminate",
]
LEAVE_SECONDS = 2.0  # a second Ctrl+C within this time quits
ESCAPE_SECONDS = (
    0.05  # an escape followed by nothing for this long was the Esc key; sequences arrive in one piece
)
_CONTROL: dict[str, KeyName] = {
    "\x03": "interrupt",
    "\x09": "tab",
    "\x0f": "fold",
    "\x0d": "enter",
    "\x0a": "newline",
    "\x7f": "backspace",
    "\x08": "backspace",
    "\x15": "clear",
    "\x1a": "suspend",
}
_WAKE = b"\0"
_PASTES_ON, _PASTES_OFF = "\x1b[?2004h", "\x1b[?2004l"
_PASTE, _PASTE_END = "\x1b[200~", "\x1b[201~"


class Leave(KeyboardInterrupt):
    """The second Ctrl+C within two seconds: quit (exit 130). The terminal has been restored."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key press (or signal); `text` for the key "text", the signal's number for "terminate"."""

    name: KeyName
    text: str = ""
    signal: int = 0


class KeyParser:
    """Terminal input → keys; the same result for any chunking, but a lone escape is a key only after a pause."""

    def __init__(self) -> None:
        self._decode = codecs.getincrementaldecoder("utf-8")(errors="ignore").decode
        self._pending = ""

    @property
    def waiting(self) -> bool:
        """Is there an escape that might be the Esc key?"""
        return bool(self._pending)

    def feed(self, data: bytes) -> list[Key]:
        self._pending += self._decode(data)
        keys: list[Key] = []
        while self._pending and (step := self._step(self._pending)) is not None:
            key, used = step
            self._pending = self._pending[used:]
            if key is not None:
                keys.append(key)
        return keys

    def flush(self) -> list[Key]:
        """No more bytes arrived in time: a lone escape was the Esc key; an unfinished sequence is discarded."""
        if self._pending.startswith(_PASTE):
            return []
        pending, self._pending = self._pending, ""
        return [Key("escape")] if pending == "\x1b" else []

    @staticmethod
    def _step(text: str) -> tuple[Key | None, int] | None:
        """The first key of `text` and its number of characters; None if it is incomplete."""
        if text[0] != "\x1b":
            if text[0] in _CONTROL:
                return Key(_CONTROL[text[0]]), 1
            if not text[0].isprintable():
                return None, 1  # a control key that has no meaning here
            end = next((i for i, char in enumerate(text) if not char.isprintable()), len(text))
            return Key("text", text[:end]), end
        if text.startswith(_PASTE):
            end = text.find(_PASTE_END)
            if end < 0:
                return None
            pasted = text[len(_PASTE) : end].replace("\r\n", "\n").replace("\r", "\n")
            return Key("text", pasted), end + len(_PASTE_END)
        if len(text) == 1:
            return None
        if text[1] == "[":  # CSI: parameters, then one final byte
            end = next((i for i in range(2, len(text)) if "@" <= text[i] <= "~"), -1)
            return (None, end + 1) if end > 0 else None
        if text[1] == "O":  # SS3: one more byte
            return (None, 3) if len(text) > 2 else None
        if text[1] in "\r\n":
            return Key("newline"), 2
        return (Key("escape"), 1) if text[1] == "\x1b" else (None, 2)


class Keyboard:
    """Owns the terminal's input mode and the signals. Without `keys`, it reads signals only (stdin is used elsewhere).

    Enter and leave it in one thread, the main thread if signals are to be caught; `read` may be called in one other
    thread.
    """

    def __init__(self, streams: Streams, *, keys: bool) -> None:
        self._tty = streams.stdin.fileno() if keys and streams.stdin_tty and streams.stdout_live else -1
        self._stdout = streams.stdout
        self._fd = self._tty  # -1 once the terminal is gone
        self._parser = KeyParser()
        self._handlers: dict[int, Any] = {}
        self._mode: list[Any] | None = None
        self._wakeup_before: int | None = None
        self._wake_read = self._wake_write = -1
        self._lock = threading.Lock()
        self._woken = threading.Event()  # for Windows consoles, which `select` cannot wait for

    def __enter__(self) -> Self:
        try:
            if sys.platform != "win32":
                self._wake_read, self._wake_write = os.pipe()
                os.set_blocking(self._wake_read, False)
                os.set_blocking(self._wake_write, False)
            self._catch_signals()
            self.raw()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cooked()
        if self._wakeup_before is not None:
            signal.set_wakeup_fd(self._wakeup_before)
            self._wakeup_before = None
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        self._handlers = {}
        with self._lock:
            for fd in (self._wake_read, self._wake_write):
                if fd >= 0:
                    os.close(fd)
            self._wake_read = self._wake_write = -1

    def wake(self) -> None:
        """Make a `read` in another thread return now."""
        self._woken.set()
        with self._lock, suppress(OSError):
            if self._wake_write >= 0:
                os.write(self._wake_write, _WAKE)

    def read(self, seconds: float) -> list[Key]:
        """The next keys and signals, after at most `seconds`; empty at the timeout or after `wake`."""
        if self._fd >= 0 and (typed := take_typed()):
            return self._parser.feed(typed)
        if self._parser.waiting:
            seconds = min(seconds, ESCAPE_SECONDS)
        if sys.platform == "win32":  # pragma: no cover
            return self._read_console(seconds)
        fds = [self._wake_read, *([self._fd] if self._fd >= 0 else [])]
        ready, _, _ = select.select(fds, [], [], max(0.0, seconds))
        keys = self._signals() if self._wake_read in ready else []
        if self._fd in ready:
            data = b""
            with suppress(OSError):
                data = os.read(self._fd, 65536)
            if not data:  # the terminal is gone
                self._fd = -1
            return keys + self._parser.feed(data)
        return keys + (self._parser.flush() if not ready else [])

    def raw(self) -> None:
        """Get keys one by one, without echo, Ctrl+C included, and a paste in one piece; output is not affected."""
        if self._fd < 0 or sys.platform == "win32":
            return
        import termios

        with suppress(termios.error, OSError):
            if os.tcgetpgrp(self._fd) != os.getpgrp():  # in the background: the keys belong to the shell
                self._fd = -1
                return
            self._mode = termios.tcgetattr(self._fd)
            mode = termios.tcgetattr(self._fd)
            mode[0] &= ~(
                termios.IXON | termios.ICRNL | termios.INLCR | termios.IGNCR | termios.BRKINT | termios.ISTRIP
            )
            mode[3] &= ~(termios.ICANON | termios.ECHO | termios.ISIG | termios.IEXTEN)
            mode[6][termios.VMIN], mode[6][termios.VTIME] = 1, 0
            termios.tcsetattr(self._fd, termios.TCSANOW, mode)
            self._write(_PASTES_ON)

    def cooked(self) -> None:
        """Restore the terminal's mode. May be called again, from any thread."""
        mode, self._mode = self._mode, None
        if mode is not None and sys.platform != "win32":
            import termios

            with suppress(termios.error):
                termios.tcsetattr(self._tty, termios.TCSANOW, mode)
            self._write(_PASTES_OFF)

    def _write(self, text: str) -> None:
        with suppress(OSError, ValueError):
            self._stdout.write(text)
            self._stdout.flush()

    def _catch_signals(self) -> None:
        """Only the main thread may set handlers; in other threads (tests, embedding) signals are left alone."""
        if threading.current_thread() is not threading.main_thread() or sys.platform == "win32":
            return
        self._wakeup_before = signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            before = signal.getsignal(number)
            if before is not None and before is not signal.SIG_IGN:  # nohup stays nohup
                self._handlers[number] = signal.signal(number, _ignore)

    def _signals(self) -> list[Key]:
        data = b""
        with suppress(BlockingIOError):
            data = os.read(self._wake_read, 4096)
        keys = []
        for number in data:
            if number == signal.SIGINT:
                keys.append(Key("interrupt"))
            elif number and number in self._handlers:
                keys.append(Key("terminate", signal=number))
        return keys

    def _read_console(self, seconds: float) -> list[Key]:  # pragma: no cover
        """Windows: `select` cannot wait for a console, so poll it at short intervals."""
        if sys.platform == "win32":
            import msvcrt

            until = time.monotonic() + seconds
            while time.monotonic() < until and not self._woken.is_set():
                data = ""
                while self._fd >= 0 and msvcrt.kbhit():
                    char = msvcrt.getwch()
                    if char in "\x00\xe0":  # the first half of a function key
                        msvcrt.getwch()
                    else:
                        data += char
                if data:
                    return self._parser.feed(data.encode("utf-8", "ignore")) or self._parser.flush()
                self._woken.wait(0.02)
            self._woken.clear()
        return self._parser.flush()


def _ignore(_number: int, _frame: FrameType | None) -> None:
    """The reader gets the signal through the wake-up descriptor."""
