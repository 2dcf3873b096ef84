"""llama.cpp's log: written to a file of the state folder, never to the screen.

In: log events from any thread of the library. Out: lines in `llama.log` (at most about a megabyte), and the error line
that explains why the last operation failed. Lines of level debug, four of five, are written with `MULL_DEBUG` only.
Raises nothing: on a full, read-only or missing disk there is no file, but the errors are still remembered in memory.

llama.cpp has no threshold, so the callback is entered for every line, and returns at once for one that is dropped.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from pathlib import Path

from mull.fs.paths import private_dir

LIMIT = 1_000_000  # bytes; more than a hundred model loads

# ggml.h, enum ggml_log_level
_DEBUG = 1
_ERROR = 4
_CONTINUED = 5

_MAX_ERRORS = 32


class Log:
    """A callable for `llama_log_set`; it never raises. `debug`: write lines of that level too."""

    def __init__(self, path: Path, limit: int = LIMIT, *, debug: bool = False) -> None:
        self._dropped = 0 if debug else _DEBUG  # no line has the level 0
        self._limit = limit
        self._errors: list[str] = []
        self._level = 0
        self._file: int | None = None
        self._size = 0
        with contextlib.suppress(OSError):
            private_dir(path.parent)
            # A bare descriptor: open until the process ends, and nothing is buffered when the library crashes it.
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0)
            self._file = os.open(path, flags, 0o600)
            self._size = os.fstat(self._file).st_size
        self._write(time.strftime("--- %Y-%m-%d %H:%M:%S\n").encode())

    def __call__(self, level: int, text: bytes | None, _data: object = None) -> None:
        if level != _CONTINUED:
            self._level = level
        if self._level == self._dropped or not text:
            return
        if self._level == _ERROR:
            self._remember(text.decode("utf-8", "replace"), continued=level == _CONTINUED)
        self._write(text)

    def forget(self) -> None:
        """Forget the errors of earlier operations, at the start of a new one."""
        self._errors.clear()

    def reason(self) -> str | None:
        """The first cause logged since `forget()`, without llama.cpp's function names; None without any error."""
        if not self._errors:
            return None
        cause = next((line for line in self._errors if ": error loading" in line), self._errors[0])
        # "llama_model_load: error loading model: missing tensor 'output_norm.weight'"
        head, _, rest = cause.partition(": ")
        if rest and " " not in head:
            cause = rest
        return re.sub(r"^error loading model[^:]*: ", "", cause).strip() or None

    def _remember(self, text: str, *, continued: bool) -> None:
        if continued and self._errors:
            self._errors[-1] += text.rstrip("\n")
        elif text.strip() and len(self._errors) < _MAX_ERRORS:
            self._errors.append(text.rstrip("\n"))

    def _write(self, data: bytes) -> None:
        if self._file is None:
            return
        try:
            if self._size + len(data) > self._limit:
                os.ftruncate(self._file, 0)
                self._size = 0
            os.write(self._file, data)
            self._size += len(data)
        except OSError:
            self._file = None
