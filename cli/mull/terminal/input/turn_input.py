"""The paint thread of a turn: it reads keys and signals, sets the turn's control, and lets the screen paint.

In: the events that the turn's own thread puts in, keys, signals. Out: requests on `TurnControl`; keys and events passed
to the screen, in this one thread, so that a screen needs no lock. The turn's thread may be in native code for seconds;
keys, clock and folding still work. At the context manager's end everything is painted and the terminal restored.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections import deque
from types import TracebackType
from typing import Protocol, Self

from mull.control import TurnControl
from mull.errors import ExitCode
from mull.events import Event
from mull.terminal.console.streams import Streams
from mull.terminal.input.keys import LEAVE_SECONDS, Key, Keyboard, Leave

FRAME_SECONDS = 1 / 12  # between two repaints; never below 1/15
SLOWEST_FRAME_SECONDS = 1 / 4
PAINT_SHARE = 0.03  # of one core; a screen that costs more is painted less often
LEAVE_TIMEOUT = 1.0  # seconds for the turn to end once the user quits


class Screen(Protocol):
    """What shows a turn. All methods are called in the paint thread."""

    def take(self, event: Event) -> None: ...
    def press(self, key: Key) -> None: ...
    def paint(self, now: float) -> None: ...
    def pause(self) -> None: ...
    def end(self) -> None: ...


class TurnInput:
    """A context manager around the iteration over a turn's events; its end raises `Leave` if the user quit."""

    def __init__(self, streams: Streams, control: TurnControl, screen: Screen | None, *, keys: bool) -> None:
        self._control = control
        self._screen = screen
        self._keyboard = Keyboard(streams, keys=keys)
        self._events: deque[Event] = deque()
        self._settled = threading.Event()
        self._settled.set()
        self._ended = False
        self._confirming = False  # the next frame shows the effect of a key, before later events hide it
        self._failure: Exception | None = None
        self._interrupted_at = float("-inf")
        self._left_at: float | None = None
        self._exit_code: int = ExitCode.INTERRUPTED
        self._thread = threading.Thread(target=self._run, name="mull-view", daemon=True)

    def __enter__(self) -> Self:
        self._keyboard.__enter__()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended = True
        self._keyboard.wake()
        self._thread.join()
        self._keyboard.__exit__(kind, value, trace)
        if self._failure is not None and kind is None:
            raise self._failure
        if self._left_at is not None:
            if self._exit_code == ExitCode.INTERRUPTED:
                raise Leave
            raise SystemExit(self._exit_code)

    @property
    def reads_keys(self) -> bool:
        """Whether keys have an effect, so that hints may name them."""
        return self._keyboard.reads

    def put(self, event: Event) -> None:
        """Pass an event to the screen. Raises the screen's failure (the terminal is gone)."""
        if self._failure is not None:
            raise self._failure
        if self._screen is not None:
            self._events.append(event)

    def settle(self) -> None:
        """Wait until everything put in so far has been painted."""
        self._settled.clear()
        self._keyboard.wake()
        while not self._settled.wait(0.05) and self._thread.is_alive():
            self._keyboard.wake()

    def _run(self) -> None:
        try:
            if self._screen is None:
                while not self._ended:
                    self._listen(SLOWEST_FRAME_SECONDS)
            else:
                self._serve(self._screen)
                for key in self._keyboard.rest():
                    self._press(key)
        except Exception as failure:  # noqa: BLE001 - carried to the turn's thread
            self._failure = failure
            self._control.stop()
        finally:
            self._end_screen()

    def _serve(self, screen: Screen) -> None:
        """Paint at the frame rate, and without delay when a key was pressed or `settle` waits."""
        interval, painted_at, pressed = FRAME_SECONDS, time.monotonic(), False
        while not self._ended or self._events:
            due = painted_at + (FRAME_SECONDS if pressed else interval)
            pressed = self._listen(due - time.monotonic()) or pressed
            now = time.monotonic()
            if now < due and not self._ended and self._settled.is_set():
                continue
            began = time.thread_time()
            confirming, self._confirming = self._confirming and not self._ended, False
            while self._events and not confirming:
                screen.take(self._events.popleft())
            screen.paint(now)
            if not confirming:
                self._settled.set()
            cost = time.thread_time() - began
            interval = min(max(FRAME_SECONDS, cost / PAINT_SHARE), SLOWEST_FRAME_SECONDS)
            painted_at, pressed = now, False

    def _listen(self, seconds: float) -> bool:
        """Act on the keys and signals that arrive within `seconds`; were there any?"""
        keys = self._keyboard.read(max(0.0, seconds))
        for key in keys:
            self._press(key)
        self._give_up(time.monotonic())
        return bool(keys)

    def _end_screen(self) -> None:
        try:
            if self._screen is not None:
                self._screen.end()
        except Exception as failure:  # noqa: BLE001 - carried to the turn's thread
            self._failure = self._failure or failure
        finally:
            self._settled.set()

    def _press(self, key: Key) -> None:
        if key.name == "interrupt":
            now = time.monotonic()
            self._control.stop()
            if now - self._interrupted_at <= LEAVE_SECONDS:
                self._left_at = self._left_at or now
            self._interrupted_at = now
        elif key.name == "terminate":
            self._control.stop()
            self._left_at = self._left_at or time.monotonic()
            self._exit_code = 128 + key.signal
        elif key.name == "escape":
            self._control.stop()
        elif key.name == "tab":
            self._control.answer_now()
            self._confirming = True
        elif key.name == "suspend":
            self._suspend()
        if self._screen is not None:
            self._screen.press(key)

    def _suspend(self) -> None:
        """Ctrl+Z: restore the terminal for the shell, stop, and take the terminal again after `fg`."""
        if sys.platform == "win32":
            return
        if self._screen is not None:
            self._screen.pause()
        self._keyboard.cooked()
        signal.raise_signal(signal.SIGSTOP)  # to this thread, so that it stops at this point
        self._keyboard.raw()

    def _give_up(self, now: float) -> None:
        """Don't wait for native code that does not return: restore the terminal and end the process."""
        if self._left_at is not None and now - self._left_at > LEAVE_TIMEOUT and not self._ended:
            self._end_screen()
            self._keyboard.cooked()
            os._exit(self._exit_code)
