"""HTTP/1.1 as uvicorn speaks it, with a time limit for the head of a request, and a short way for parts of a stream.

uvicorn itself waits for ever for a client that sends its headers byte by byte.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from mull.server.limits import HEADER_SECONDS


class LimitedProtocol(H11Protocol):
    """One connection. Handlers find it in the scope's state as `connection`."""

    _head: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.app_state = {**self.app_state, "connection": self}
        self._expect_head()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._between_requests:
            if self._head is None:
                self._expect_head()
        elif self._head is not None:
            self._head.cancel()
            self._head = None

    def connection_lost(self, exc: Exception | None) -> None:
        if self._head is not None:
            self._head.cancel()
        super().connection_lost(exc)

    def abort(self) -> None:
        """Drop the connection with all that is unsent."""
        self.transport.abort()

    @property
    def writable(self) -> bool:
        """Whether `write_part` may be called: a chunked response has begun, and its client is there and reads."""
        begun = self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete
        chunked = begun and self.scope["http_version"] == "1.1"
        return chunked and not self.flow.write_paused and not self.transport.is_closing()

    def write_part(self, data: bytes) -> None:
        """Write a part of the response at once, in HTTP's framing: not through Starlette, uvicorn and h11."""
        self.transport.write(b"%x\r\n%b\r\n" % (len(data), data))

    @property
    def _between_requests(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _expect_head(self) -> None:
        self._head = self.loop.call_later(HEADER_SECONDS, self._late)

    def _late(self) -> None:
        self._head = None
        if self._between_requests:
            self.transport.abort()
