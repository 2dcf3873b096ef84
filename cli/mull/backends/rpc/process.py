"""The child process as its parent sees it: started, talked to, watched, killed.

In: an `Order`. Out: its messages, and why it ended. A child that sends nothing for `patience` seconds while it has work
is taken for blocked by a stopped worker.
"""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from mull.backends.rpc.messages import Channel, LastWords, Order
from mull.engine.native.isolated import environment, python


class Child:
    """`on_end` is called in another thread, once, when the process has ended."""

    def __init__(self, order: Order, on_end: Callable[[Child], None]) -> None:
        self._on_end = on_end
        self._inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._heard = time.monotonic()
        self._last_words = ""
        self.ended = False
        self.loaded = False  # it has had the model loaded
        self.silenced = False  # killed because it sent nothing
        debug = bool(os.environ.get("MULL_DEBUG"))
        self._process = subprocess.Popen(
            python("mull.backends.rpc.child"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=None if debug else subprocess.DEVNULL,
            env=environment(),
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            start_new_session=True,  # Ctrl+C in the terminal is not for the child
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._channel = Channel(self._process.stdout, self._process.stdin)  # type: ignore[arg-type]
        threading.Thread(target=self._listen, name="rpc-child", daemon=True).start()
        self.send(order)

    def send(self, *values: Any) -> None:
        """To a child that has ended nothing is sent: `receive` says so."""
        with suppress(OSError, ValueError):
            self._channel.send(*values)

    def receive(self, seconds: float) -> Any:
        """The next message; None if none comes in this time. Raises EOFError after the last one."""
        try:
            message = self._inbox.get(timeout=seconds) if seconds else self._inbox.get_nowait()
        except queue.Empty:
            return None
        if message is None:
            self._inbox.put(None)
            raise EOFError
        return message

    def begin_work(self) -> None:
        """What it is given to do now is measured from now on."""
        self._heard = time.monotonic()

    def watch(self, patience: float) -> None:
        """Kill it if it has been silent for so long. Call this only while it has work."""
        if time.monotonic() - self._heard > patience and not self.ended:
            self.silenced = True
            self.kill()

    @property
    def why(self) -> str:
        """Why it has ended, as far as it is known: its last words, or how the process ended."""
        code = self._process.wait()
        if self._last_words:
            return self._last_words
        if code < 0:
            with suppress(ValueError):
                return f"it was ended by {signal.Signals(-code).name}"
        return f"it ended with code {code}"

    def kill(self) -> None:
        """It holds nothing of value, and may be blocked in llama.cpp."""
        self._process.kill()
        self._process.wait()

    def _listen(self) -> None:
        with suppress(EOFError):
            while True:
                message = self._channel.receive()
                self._heard = time.monotonic()
                if isinstance(message, LastWords):
                    self._last_words = message.text
                else:
                    self._inbox.put(message)
        self._process.kill()  # its pipe is closed: it is at its end in any case
        self._process.wait()
        self._channel.close()
        self.ended = True
        self._inbox.put(None)
        self._on_end(self)
