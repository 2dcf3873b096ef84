"""Keys and signals while a turn runs, read in a thread of their own.

In: the terminal on stdin, else the one that the process belongs to, and the process's signals. Out: `Key` values from
`Keyboard.read`, without delay even while the main thread is inside native code: signals arrive through a wake-up
descriptor, not through Python's own handler. The context manager restores the terminal's mode and the signal handlers.
"""

from __future__ import annotations

import codecs
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from types import FrameType, TracebackType
from typing import Any, Literal, Self

from mull.dataclass import dataclass
from mull.fs.stream import is_readable
from mull.terminal.console.streams import Streams
from mull.terminal.input.background import take_typed
from mull.terminal.input.protocol import keyboard_protocol
from mull.terminal.input.sequences import Token
from mull.terminal.input.unbracketed import InputReader

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
    "end",
    "up",
    "text",
    "terminate",
]
LEAVE_SECONDS = 2.0  # a second Ctrl+C within this time quits
# An escape followed by nothing for this long was the Esc key. It stops an answer, and a slow line may bring an arrow
# key in parts; over SSH with longer pauses.
ESCAPE_SECONDS, REMOTE_ESCAPE_SECONDS = 0.2, 0.5
_CONTROL: dict[str, KeyName] = {
    "\x03": "interrupt",
    "\x04": "end",
    "\x09": "tab",
    "\x0f": "fold",
    "\x0d": "enter",
    "\x0a": "newline",
    "\x7f": "backspace",
    "\x08": "backspace",
    "\x15": "clear",
    "\x1a": "suspend",
}
_UP = frozenset({"\x1b[A", "\x1bOA"})
_WAKE = b"\0"
_PASTES_ON, _PASTES_OFF = "\x1b[?2004h", "\x1b[?2004l"


class Leave(KeyboardInterrupt):
    """The second Ctrl+C within two seconds: quit (exit 130). The terminal has been restored."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key press (or signal); `text` for the key "text", the signal's number for "terminate"."""

    name: KeyName
    text: str = ""
    signal: int = 0


class KeyParser:
    """Terminal input → keys; the same result for any chunking. `flush` gives those that a pause decides about."""

    def __init__(self, escape_seconds: float = ESCAPE_SECONDS) -> None:
        self._decode = codecs.getincrementaldecoder("utf-8")(errors="ignore").decode
        self._reader = InputReader(escape_seconds)

    @property
    def deadline(self) -> float | None:
        """When to call `flush`, in `time.monotonic()` seconds; None: not before more bytes arrive."""
        return self._reader.deadline

    def feed(self, data: bytes, now: float | None = None) -> list[Key]:
        return _keys(self._reader.feed(self._decode(data), time.monotonic() if now is None else now))

    def flush(self, now: float | None = None) -> list[Key]:
        return _keys(self._reader.flush(time.monotonic() if now is None else now))


def _keys(tokens: Sequence[Token]) -> list[Key]:
    """The keys that have a meaning here."""
    keys = [_key(token) for token in tokens]
    return [key for key in keys if key is not None]


def _key(token: Token) -> Key | None:
    if token.kind in {"text", "paste", "lines"}:
        return Key("text", token.text)
    if token.kind == "escape":
        return Key("escape")
    if token.kind == "sequence" and token.text in _UP:
        return Key("up")
    if token.kind == "alt":
        return Key("newline") if token.text in "\r\n" else None
    return Key(_CONTROL[token.text]) if token.text in _CONTROL else None


class Keyboard:
    """Owns the terminal's input mode and the signals. Without `keys`, it reads signals only (stdout goes elsewhere).

    Enter and leave it in one thread, the main thread if signals are to be caught; `read` may be called in one other
    thread.
    """

    def __init__(self, streams: Streams, *, keys: bool) -> None:
        self._opened = -1  # /dev/tty, where stdin is a pipe or a file
        self._tty = self._terminal(streams) if keys and streams.stdout_live else -1
        self._streams = streams
        self._fd = self._tty  # -1 once the terminal is gone
        self._parser = KeyParser(
            REMOTE_ESCAPE_SECONDS if os.environ.get("SSH_CONNECTION") else ESCAPE_SECONDS
        )
        self._handlers: dict[int, Any] = {}
        self._mode: list[Any] | None = None
        self._protocol = ExitStack()
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
        if self._opened >= 0:
            os.close(self._opened)
            self._fd = self._opened = -1

    @property
    def reads(self) -> bool:
        """Whether keys have an effect: there is a terminal, and mull is in its foreground."""
        return self._fd >= 0 and (self._mode is not None or sys.platform == "win32")

    def _terminal(self, streams: Streams) -> int:
        """The descriptor that keys come from; as in `less`, also where stdin is a pipe or a file. -1 without one."""
        if streams.stdin_tty and is_readable(streams.stdin.fileno()):
            return streams.stdin.fileno()
        if sys.platform != "win32":
            with suppress(OSError):
                self._opened = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
        return self._opened

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
        if (deadline := self._parser.deadline) is not None:
            seconds = min(seconds, deadline - time.monotonic())
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
            keys += self._parser.feed(data)
        return keys + self._parser.flush()

    def rest(self) -> list[Key]:
        """The keys that only a pause would have decided about, at the end."""
        return self._parser.flush(float("inf"))

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
            self._protocol.enter_context(keyboard_protocol(self._streams, on=True))

    def cooked(self) -> None:
        """Restore the terminal's mode. May be called again, from any thread."""
        mode, self._mode = self._mode, None
        if mode is not None and sys.platform != "win32":
            import termios

            self._protocol.close()
            with suppress(termios.error):
                termios.tcsetattr(self._tty, termios.TCSANOW, mode)
            self._write(_PASTES_OFF)

    def _write(self, text: str) -> None:
        with suppress(OSError, ValueError):
            self._streams.stdout.write(text)
            self._streams.stdout.flush()

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
                if data and (keys := self._parser.feed(data.encode("utf-8", "ignore"))):
                    return keys
                self._woken.wait(0.02)
            self._woken.clear()
        return self._parser.flush()


def _ignore(_number: int, _frame: FrameType | None) -> None:
    """The reader gets the signal through the wake-up descriptor."""
