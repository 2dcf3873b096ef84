"""Split bytes that arrive in pieces into lines; the result does not depend on the pieces."""

from __future__ import annotations

import re

_END = re.compile(rb"\r\n|\n|\r")


class LineSplitter:
    """A `feed`/`finish` pair. A line ends with LF, CR LF or CR, and has at most `longest` bytes."""

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._held: list[bytes] = []  # the beginning of a line
        self._size = 0
        self._after_cr = False

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that are complete now. Raises ValueError for a longer line."""
        if self._after_cr and data:
            self._after_cr = False
            data = data.removeprefix(b"\n")
        if b"\n" not in data and b"\r" not in data:
            self._hold(data)
            return []
        if b"\r" in data:
            self._after_cr = data.endswith(b"\r")
            lines = _END.split(data)
        else:
            lines = data.split(b"\n")
        self._hold(lines[0])
        lines[0] = b"".join(self._held)
        self._held, self._size = [], 0
        self._hold(lines.pop())
        return lines

    def finish(self) -> list[bytes]:
        """The last line, if it has no end."""
        return [b"".join(self._held)] if self._size else []

    def _hold(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > self._longest:
            raise ValueError("the line is too long")
        if data:
            self._held.append(data)
