"""Control of a running turn: stop, and answer now; and the signal handlers that use it.

A key reader, a signal handler or a test sets a `TurnControl` from any thread; the turn checks it between steps, and for
`stop` within prompt processing too. It carries no data and never blocks.
"""

from __future__ import annotations

import _thread
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

ENDING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
"""The signals that ask the process to end."""

TWICE = 2.0
"""Seconds within which a second Ctrl+C leaves at once."""


_IMPORTING = "<frozen importlib."  # how the file names of Python's own import code begin
_PAUSE = 0.01  # seconds until a signal that came at a bad moment is raised again
_SETTLED = 0.1  # seconds after which one that was raised again while it was handled has come, too

_received: list[int] = []  # the signals that have been handled
_raised: list[int] = []  # those that raised an exception in the main thread
_waiting: dict[int, int] = {}  # those that came at a bad moment, and how many had been handled then


class Terminated(SystemExit):
    """SIGTERM or SIGHUP asked the process to end. Its code is the exit code."""

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)


class TurnControl:
    """Thread-safe: `stop()` ends the turn, `answer_now()` ends the thinking and starts the answer.

    `parent`: a control of many turns, which reaches this one as well.
    """

    def __init__(self, parent: TurnControl | None = None) -> None:
        self._parent = parent
        self._stop = threading.Event()
        self._answer_now = threading.Event()

    def stop(self) -> None:
        """End the turn within 200 ms; the partial answer is stored."""
        self._stop.set()

    def answer_now(self) -> None:
        """End the thinking and start the answer. No effect once the answer has started."""
        self._answer_now.set()

    @property
    def stopped(self) -> bool:
        return self._stop.is_set() or (self._parent is not None and self._parent.stopped)

    @property
    def wants_answer(self) -> bool:
        return self._answer_now.is_set() or (self._parent is not None and self._parent.wants_answer)


def exit_code() -> int:
    """The exit code of a process that was interrupted, by the last signal or by a key: 130, 143 or 129."""
    return 128 + (_received[-1] if _received else signal.SIGINT)


def raise_on_signals() -> None:
    """Let signals that are not ignored raise in the main thread: SIGINT KeyboardInterrupt, the others Terminated.

    Python's own handler raises wherever the main thread is. Within an import that can leave a module's lock taken; this
    one waits until the code of the import system has been left. What is lost in a callback is raised again, and
    `interrupted` knows what has become another exception on its way.
    """
    if threading.current_thread() is threading.main_thread():
        for number in ENDING:
            if signal.getsignal(number) in {signal.SIG_DFL, signal.default_int_handler}:
                signal.signal(number, _raise)
        if sys.unraisablehook is sys.__unraisablehook__:
            sys.unraisablehook = _raise_lost


def interrupted(error: BaseException) -> bool:
    """Whether a failure was an interruption before other code made another exception of it.

    Python 3.11 makes a RuntimeError of what is raised in a `__set_name__`, for instance while an enum is imported.
    """
    cause: BaseException | None = error
    seen: set[int] = set()  # an exception can be its own cause: `raise error from error`
    while (
        cause is not None and not isinstance(cause, KeyboardInterrupt | Terminated) and id(cause) not in seen
    ):
        seen.add(id(cause))
        cause = cause.__cause__
    return isinstance(cause, KeyboardInterrupt | Terminated)


def has_raised() -> bool:
    """Whether a signal has raised an exception in the main thread, wherever that went."""
    return bool(_raised)


def _raise(number: int, frame: FrameType | None) -> None:
    if frame is not None and (frame.f_code.co_filename.startswith(_IMPORTING) or _would_be_lost(frame)):
        _raise_later(number)
        return
    if _was_sent_again(number):
        return
    _received.append(number)
    _raised.append(number)
    raise KeyboardInterrupt if number == signal.SIGINT else Terminated(number)


def _was_sent_again(number: int) -> bool:
    """Whether the signal was sent again (`_again`) while it was handled, so that it is no second Ctrl+C."""
    return _waiting.get(number, len(_received)) < len(_received)


def _would_be_lost(frame: FrameType | None) -> bool:
    """Whether the main thread is in the hook for lost exceptions, where another one would be lost too."""
    while frame is not None and frame.f_code is not _raise_lost.__code__:
        frame = frame.f_back
    return frame is not None


def _raise_lost(lost: sys.UnraisableHookArgs) -> None:
    """In place of a report on stderr: an exception in a callback or in a `__del__` ends there."""
    if isinstance(lost.exc_value, KeyboardInterrupt | Terminated):
        _raise_later(_received[-1] if _received else signal.SIGINT)
    else:
        sys.__unraisablehook__(lost)


def _raise_later(number: int) -> None:
    if _waiting.get(number) != len(_received):
        _waiting[number] = len(_received)
        threading.Thread(target=_again, args=(number, len(_received)), daemon=True).start()


def _again(number: int, received: int) -> None:
    """Send the signal to the main thread until it has handled one: between two attempts it may begin to wait."""
    time.sleep(_PAUSE)
    while len(_received) == received:
        if sys.platform == "win32":
            _thread.interrupt_main(number)
        else:
            signal.pthread_kill(threading.main_thread().ident or 0, number)
        time.sleep(_PAUSE)
    time.sleep(_SETTLED)
    if _waiting.get(number) == received:
        del _waiting[number]


@contextmanager
def handle_signals(handler: Callable[[int], None]) -> Iterator[None]:
    """Call `handler` in the main thread with each signal that asks to end. Ignored signals stay ignored (nohup).

    Only the main thread can have signal handlers; in others this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handle(number: int, _frame: FrameType | None) -> None:
        if not _was_sent_again(number):
            _received.append(number)
            handler(number)

    handled = [number for number in ENDING if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, handle) for number in handled}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


@contextmanager
def stop_on_interrupt(control: TurnControl) -> Iterator[None]:
    """A signal that asks to end stops the turn, whose partial answer is stored; a second one within two seconds raises
    KeyboardInterrupt. For runs without a key reader; like `handle_signals` otherwise.
    """
    last = -TWICE

    def on_interrupt(_number: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < TWICE:
            raise KeyboardInterrupt
        last = now
        control.stop()

    with handle_signals(on_interrupt):
        yield
