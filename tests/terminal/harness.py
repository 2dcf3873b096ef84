"""A real pseudo-terminal around a real process: type keys, look at the screen, resize, read the terminal's
mode.

Any of the three standard streams can be a file instead. The screen is pyte's, with scrollback. POSIX only.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import pyte

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT = 60.0  # seconds; machines may be busy
# Make the pseudo-terminal the controlling one without code between fork and exec.
_LAUNCH = "import os, sys; os.close(os.open(sys.argv[1], os.O_RDWR)); os.execv(sys.argv[2], sys.argv[2:])"


class Terminal:
    """A context manager. `stdin`, `stdout`, `stderr`: None for the terminal, else a file (or /dev/null).

    `background`: what the terminal says of its colour when it is asked (OSC 11), "rgb:ffff/ffff/ffff\\a" for instance;
    empty: nothing. `keyboard`: it has the kitty keyboard protocol; `protocol` is then how deep it is switched on.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        columns: int = 80,
        rows: int = 24,
        environ: Mapping[str, str] | None = None,
        stdin: Path | None = None,
        stdout: Path | None = None,
        stderr: Path | None = None,
        background: str = "",
        keyboard: bool = False,
    ) -> None:
        self.screen = pyte.HistoryScreen(columns, rows, history=5000, ratio=0.001)
        self.screen.write_process_input = self.press  # answers to questions like "where is the cursor?"
        self._stream = pyte.ByteStream(self.screen)
        self.bytes = b""
        self.received: list[tuple[float, bytes]] = []  # what came, with the time (monotonic)
        self._kept: dict[str, tuple[tuple[int, int, int], list[str]]] = {}
        self._background = background
        self._keyboard = keyboard
        self._lock = threading.Lock()
        self._master, slave = pty.openpty()
        self._slave = slave
        self._set_size(columns, rows)
        self.mode_before = termios.tcgetattr(slave)
        name = os.ttyname(slave)
        env = {key: value for key, value in os.environ.items() if key not in {"NO_COLOR", "FORCE_COLOR"}}
        env |= {"TERM": "xterm-256color", "PYTHONPATH": str(ROOT / "cli"), "LC_ALL": "C.UTF-8"} | dict(
            environ or {}
        )
        if (
            background or keyboard
        ):  # mull waits longer for the answer of a terminal far away; so it does of a busy one
            env.setdefault("SSH_CONNECTION", "192.0.2.1 5000 192.0.2.2 22")
        with contextlib.ExitStack() as files:
            handles = [
                files.enter_context(open(path, mode)) if path is not None else slave
                for path, mode in ((stdin, "rb"), (stdout, "wb"), (stderr, "wb"))
            ]
            self.process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _LAUNCH, name, *arguments],
                stdin=handles[0],
                stdout=handles[1],
                stderr=handles[2],
                start_new_session=True,
                cwd=ROOT,
                env=env,
            )
        self._closing = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(TIMEOUT)
        self._closing.set()
        self._reader.join(TIMEOUT)
        os.close(self._master)
        os.close(self._slave)

    def press(self, keys: str) -> None:
        """Type; a byte that is not UTF-8 is given as Python decodes it, `\\udcff`."""
        os.write(self._master, keys.encode(errors="surrogateescape"))

    def wait_for_keys(self) -> None:
        """Wait until the program reads keys; before that, the terminal itself would handle some of them."""
        self.wait(lambda: self.mode != self.mode_before, "a program that reads keys")

    def resize(self, columns: int, rows: int) -> None:
        with self._lock:
            self.screen.resize(rows, columns)
        self._set_size(columns, rows)

    def exit(self) -> int:
        """Wait for the process's end and all of its output; returns its exit code."""
        code = self.process.wait(TIMEOUT)
        self._drain()
        return code

    @property
    def lines(self) -> list[str]:
        """The screen, without the empty lines at its end."""
        return self._drawn("screen")

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    @property
    def at_prompt(self) -> bool:
        """Does a chat's prompt stand, in its frame and with the bar below? During an answer the bar has a spinner."""
        lines = self.lines
        framed = len(lines) > 2 and lines[-2].startswith("───") and lines[-1].startswith("  ")
        return framed and any(line.startswith(">") for line in lines)

    @property
    def everything(self) -> list[str]:
        """The scrollback and the screen."""
        return self._drawn("everything")

    def _drawn(self, part: str) -> list[str]:
        """The lines of the screen or of everything: put together again only where something has changed, since tests
        that wait ask fifty times a second."""
        with self._lock:
            state = (len(self.received), self.screen.columns, self.screen.lines)
            if part not in self._kept or self._kept[part][0] != state:
                history = self.screen.history.top if part == "everything" else ()
                above = [_row(line, self.screen.columns) for line in history]
                self._kept[part] = (state, _trimmed([*above, *self.screen.display]))
            return list(self._kept[part][1])

    @property
    def cells(self) -> list[list[Any]]:
        """The cells of the screen, row by row: text, colours and styles."""
        with self._lock:
            return [
                [self.screen.buffer[row][column] for column in range(self.screen.columns)]
                for row in range(self.screen.lines)
            ]

    @property
    def drawing(self) -> bool:
        """Is the screen in the middle of a synchronized frame?"""
        return self.bytes.rfind(b"\x1b[?2026h") > self.bytes.rfind(b"\x1b[?2026l")

    @property
    def mode(self) -> list[Any]:
        return termios.tcgetattr(self._slave)

    @property
    def unread(self) -> int:
        """How many bytes of what was typed the program has not read yet."""
        counted = bytearray(4)
        fcntl.ioctl(self._slave, termios.FIONREAD, counted)
        return int.from_bytes(counted, sys.byteorder)

    @property
    def protocol(self) -> int:
        """How often the keyboard protocol was switched on and not off again."""
        return self.bytes.count(b"\x1b[>1u") - self.bytes.count(b"\x1b[<u")

    def wait(self, wanted: str | Callable[[], bool], what: str = "") -> None:
        """Wait until the text is on the screen or the condition is true."""
        holds = wanted if callable(wanted) else lambda: wanted in self.text
        until = time.monotonic() + TIMEOUT
        while not holds():
            if time.monotonic() > until:
                raise AssertionError(
                    f"waited for {what or wanted!r}; the screen:\n" + "\n".join(self.everything)
                )
            time.sleep(0.02)

    def _read(self) -> None:
        while not self._closing.is_set():
            self._take(0.1)

    def _take(self, seconds: float) -> bool:
        ready, _, _ = select.select([self._master], [], [], seconds)
        if not ready:
            return False
        try:
            data = os.read(self._master, 65536)
        except OSError:  # the other side is closed
            self._closing.set()
            return False
        if self._background and b"\x1b]11;?" in data:
            self.press(f"\x1b]11;{self._background}")
        if self._keyboard and b"\x1b[?u" in data:
            self.press("\x1b[?0u\x1b[?62c")
        with self._lock:
            self.bytes += data
            self.received.append((time.monotonic(), data))
            self._stream.feed(data)
        return bool(data)

    def _drain(self) -> None:
        """Read until the buffer is empty: all output of an ended process is in it."""
        self._closing.set()
        self._reader.join(TIMEOUT)
        while self._take(0.05):
            pass

    def _set_size(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def _row(line: Mapping[int, Any], columns: int) -> str:
    return "".join(line[column].data for column in range(columns))


def _trimmed(lines: Sequence[str]) -> list[str]:
    stripped = [line.rstrip() for line in lines]
    while stripped and not stripped[-1]:
        stripped.pop()
    return stripped
