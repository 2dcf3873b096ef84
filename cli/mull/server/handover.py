"""Events from the decode thread to the event loop, without a wait for it.

In: what one step made of events, in the decode thread. Out: the same on the event loop. The loop is woken by a system
call that keeps the interpreter's lock: with `call_soon_threadsafe` the loop takes the lock at once, and the decode
thread waits for it before its next step. So the loop writes to the clients while llama.cpp computes that step.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import sys
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Generic, TypeVar

T = TypeVar("T")


class Handover(Generic[T]):
    """`deliver` is called on the loop with each value that `put` got in another thread, in their order."""

    def __init__(self, loop: asyncio.AbstractEventLoop, deliver: Callable[[T], None]) -> None:
        self._loop = loop
        self._deliver = deliver
        self._values: deque[T] = deque()
        self._pipe: tuple[int, int] | None = None
        if sys.platform != "win32":  # its event loop watches no pipes
            self._pipe = os.pipe()
            for end in self._pipe:
                os.set_blocking(end, False)
            self._write = ctypes.PyDLL(None).write  # PyDLL: does not release the lock
            self._write.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t)
            loop.add_reader(self._pipe[0], self._woken)

    def put(self, value: T) -> None:
        """From another thread than the loop's; before `close`."""
        self._values.append(value)
        if self._pipe is not None:
            self._write(self._pipe[1], b"\0", 1)  # a full pipe wakes the loop too
        else:
            with suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._take)

    def close(self) -> None:
        """On the loop. The thread that calls `put` has ended."""
        if self._pipe is not None:
            self._loop.remove_reader(self._pipe[0])
            for end in self._pipe:
                os.close(end)
            self._pipe = None

    def _woken(self) -> None:
        if self._pipe is not None:
            with suppress(BlockingIOError):
                os.read(self._pipe[0], 4096)
        self._take()

    def _take(self) -> None:
        while self._values:
            self._deliver(self._values.popleft())
