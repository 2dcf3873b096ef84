"""A connected socket that `http.client` reads and writes, and whose waits end with a stop or a time limit.

In: a socket and the turn's control. Out: what `http.client` needs of a socket. Raises Interrupted once the control is
stopped, also while the server is silent, and TimeoutError after the seconds that `allow` grants.
"""

from __future__ import annotations

import io
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import IO, TypeVar

from mull.control import TurnControl
from mull.errors import Interrupted

POLL = 0.05  # seconds until a stop is noticed
_SEND = 1 << 16  # bytes that are sent between two looks at the control

T = TypeVar("T")


class Wire:
    """One connection."""

    def __init__(self, sock: socket.socket, control: TurnControl | None) -> None:
        sock.settimeout(POLL)
        self._socket = sock
        self._control = control
        self._until = time.monotonic()

    def allow(self, seconds: float) -> None:
        """From now on, everything together may take this long until the next call."""
        self._until = time.monotonic() + seconds

    def receive_into(self, buffer: memoryview) -> int:
        """The number of bytes received; 0 at the end."""
        return self._patiently(partial(self._socket.recv_into, buffer))

    def sendall(self, data: bytes | IO[bytes]) -> None:
        left = memoryview(data.read() if hasattr(data, "read") else data)
        while left:
            left = left[self._patiently(partial(self._socket.send, left[:_SEND])) :]

    def makefile(self, _mode: str) -> io.BufferedReader:
        """What `http.client` reads a response from."""
        return io.BufferedReader(_Reader(self), _SEND)

    def close(self) -> None:
        """`http.client` calls this once it expects no further request; the response may still be read."""

    def disconnect(self) -> None:
        self._socket.close()

    def _patiently(self, attempt: Callable[[], T]) -> T:
        while True:
            if self._control is not None and self._control.stopped:
                raise Interrupted
            if time.monotonic() > self._until:  # also of a server that sends a byte now and then
                raise TimeoutError
            with suppress(TimeoutError):
                return attempt()


class _Reader(io.RawIOBase):
    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override] # the buffer of a BufferedReader
        return self._wire.receive_into(buffer)
