"""The entry point of `mull` and `python -m mull`.

A process that a signal interrupted dies of that signal once everything is tidied up, so that the shell that started it
stops, too (a loop, a script). Until the arguments have been read there is nothing to tidy up, and Ctrl+C ends the
process at once. A process without file descriptors or memory left ends with a sentence.
"""

import gc
import os
import signal
import sys

_OBJECTS = 100_000
"""New objects between two searches for reference cycles. With Python's 700 it searches what is imported again and
again, which takes 12 ms of a short question and frees nothing; such a question makes 60,000 objects in all."""


def main() -> None:
    """Run the command line and end the process."""
    gc.set_threshold(_OBJECTS)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # `control.raise_on_signals` changes it
    try:
        from mull.fs import trace

        trace.start()
        from mull import app

        app.main()
    except KeyboardInterrupt:
        _die_of(signal.SIGINT)
    except SystemExit as ended:
        if isinstance(ended.code, int):
            if ended.code > 128:
                _die_of(ended.code - 128)
            _leave(ended.code)
        raise
    except (OSError, ImportError, MemoryError) as failure:
        _give_up(failure)


def _die_of(number: int) -> None:
    """End the process by the signal: the shell's `$?` is 128 + `number` then. Exits with that code on Windows."""
    if sys.platform == "win32":
        sys.exit(128 + number)
    from contextlib import suppress

    signal.signal(number, signal.SIG_DFL)
    _run_exit_functions()
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, OSError, ValueError):  # closed
            stream.flush()
    os.kill(os.getpid(), number)
    os._exit(128 + number)  # the signal is blocked


def _leave(code: int) -> None:
    """End the process without taking the interpreter and a loaded model apart, which takes 0.05 to 0.1 s and frees
    nothing that the system does not free anyway. Returns where a thread has to finish first, or a stream fails."""
    import threading

    if any(not thread.daemon for thread in threading.enumerate() if thread is not threading.main_thread()):
        return
    _run_exit_functions()
    try:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
    except (OSError, ValueError):
        return
    os._exit(code)


def _run_exit_functions() -> None:
    import atexit

    atexit._run_exitfuncs()  # noqa: SLF001 - only the interpreter's own end calls it otherwise


def _give_up(failure: BaseException) -> None:
    """Say in a sentence why mull could not start, with as little code as possible: nothing may be left to load more."""
    reason = getattr(failure, "strerror", None) or str(failure) or "not enough memory"
    if sys.stderr is not None:
        try:
            sys.stderr.write(f"Error: mull cannot start: {reason}.\n")
            sys.stderr.flush()
        except OSError:
            pass
    sys.exit(1)


if __name__ == "__main__":
    main()
