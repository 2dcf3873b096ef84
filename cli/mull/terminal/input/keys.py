"""Keys and signals while a turn runs, read without the model's leave.

In: the terminal on stdin (if it is one) and the process's signals. Out: `Key` values from `Keyboard.read`,
promptly even while the main thread is inside native code: signals come through a wake-up descriptor, not
through Python's own handler. The terminal's mode and the signal handlers are what they were when the context
manager ends, whatever happened.
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
LEAVE_SECONDS = 2.0  # a second Ctrl+C within this leaves
ESCAPE_SECONDS = 0.05  # an escape that nothing follows for so long was the key; sequences arrive in one piece
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
    """The second Ctrl+C within two seconds: the user wants out (exit 130). The terminal is restored already."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key press (or signal); `text` for the key "text", the signal's number for "terminate"."""

    name: KeyName
    text: str = ""
    signal: int = 0


class KeyParser:
    """Terminal input → keys; the same result for any chunking, but for a lone escape, which only time can
    tell."""

    def __init__(self) -> None:
        self._decode = codecs.getincrementaldecoder("utf-8")(errors="ignore").decode
        self._pending = ""

    @property
    def waiting(self) -> bool:
        """Is there an escape that might be a key by itself?"""
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
        """No more bytes came in time: a lone escape was the Esc key; an unfinished sequence is dropped."""
        if self._pending.startswith(_PASTE):
            return []
        pending, self._pending = self._pending, ""
        return [Key("escape")] if pending == "\x1b" else []

    @staticmethod
    def _step(text: str) -> tuple[Key | None, int] | None:
        """The first key of `text` and how many characters it took; None: more is needed."""
        if text[0] != "\x1b":
            if text[0] in _CONTROL:
                return Key(_CONTROL[text[0]]), 1
            if not text[0].isprintable():
                return None, 1  # a control key without a meaning here
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
    """Owns the terminal's input mode and the signals. `keys` off: signals only (stdin is somebody else's).

    Made and left in one thread, the main one where there are signals to catch; `read` is called from any one
    thread.
    """

    def __init__(self, streams: Streams, *, keys: bool) -> None:
        self._tty = streams.stdin.fileno() if keys and streams.stdin_tty and streams.stdout_live else -1
        self._stdout = streams.stdout
        self._fd = self._tty  # -1 once the terminal has gone
        self._parser = KeyParser()
        self._handlers: dict[int, Any] = {}
        self._mode: list[Any] | None = None
        self._wakeup_before: int | None = None
        self._wake_read = self._wake_write = -1
        self._lock = threading.Lock()
        self._woken = threading.Event()  # for consoles, which cannot be waited for together with a pipe

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
        """Make a `read` in another thread return at once."""
        self._woken.set()
        with self._lock, suppress(OSError):
            if self._wake_write >= 0:
                os.write(self._wake_write, _WAKE)

    def read(self, seconds: float) -> list[Key]:
        """The keys and signals that came, after at most `seconds`; empty when time is over or `wake` was called."""
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
            if not data:  # the terminal has gone
                self._fd = -1
            return keys + self._parser.feed(data)
        return keys + (self._parser.flush() if not ready else [])

    def raw(self) -> None:
        """Keys arrive one by one, unseen, Ctrl+C among them, a paste in one piece; output is as before."""
        if self._fd < 0 or sys.platform == "win32":
            return
        import termios

        with suppress(termios.error, OSError):
            if os.tcgetpgrp(self._fd) != os.getpgrp():  # in the background, where the keys are the shell's
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
            self._say(_PASTES_ON)

    def cooked(self) -> None:
        """The terminal's mode as it was. May be called again, from any thread."""
        mode, self._mode = self._mode, None
        if mode is not None and sys.platform != "win32":
            import termios

            with suppress(termios.error):
                termios.tcsetattr(self._tty, termios.TCSANOW, mode)
            self._say(_PASTES_OFF)

    def _say(self, text: str) -> None:
        with suppress(OSError, ValueError):
            self._stdout.write(text)
            self._stdout.flush()

    def _catch_signals(self) -> None:
        """Only the main thread may; elsewhere (tests, embedders) signals stay with whoever has them."""
        if threading.current_thread() is not threading.main_thread() or sys.platform == "win32":
            return
        self._wakeup_before = signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            before = signal.getsignal(number)
            if before is not None and before is not signal.SIG_IGN:  # nohup stays nohup
                self._handlers[number] = signal.signal(number, _unheard)

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
        """Windows: consoles cannot be waited for with pipes, so look at short intervals."""
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


def _unheard(_number: int, _frame: FrameType | None) -> None:
    """The wake-up descriptor has told the reader already."""
