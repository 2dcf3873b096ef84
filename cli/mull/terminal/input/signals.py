"""Termination signals while prompt_toolkit owns the terminal: restore it, and end with the signal's exit code."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial


def end_on_signals() -> None:
    """End the running application by SystemExit when a signal arrives; for its `pre_run`."""
    from prompt_toolkit.application import get_app

    app = get_app()
    loop = asyncio.get_running_loop()
    for number in _ending():
        if signal.getsignal(number) is not signal.SIG_IGN:
            with suppress(RuntimeError, ValueError):  # not the main thread
                loop.add_signal_handler(number, partial(app.exit, exception=SystemExit(128 + number)))


@contextmanager
def restored_handlers() -> Iterator[None]:
    """Restore the signal handlers: an event loop that ends leaves the default ones."""
    before = {number: signal.getsignal(number) for number in _ending()}
    try:
        yield
    finally:
        for number, handler in before.items():
            with suppress(ValueError, TypeError):  # not the main thread; not set from Python
                signal.signal(number, handler)


def _ending() -> tuple[signal.Signals, ...]:
    return () if sys.platform == "win32" else (signal.SIGTERM, signal.SIGHUP)
