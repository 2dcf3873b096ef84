"""The entry point of `mull` and `python -m mull`.

A process that a signal interrupted dies of that signal once everything is tidied up, so that the shell that started it
stops, too (a loop, a script). Until the arguments have been read there is nothing to tidy up, and Ctrl+C ends the
process at once. A process without file descriptors or memory left ends with a sentence.
"""

import os
import signal
import sys


def main() -> None:
    """Run the command line and end the process."""
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
        if isinstance(ended.code, int) and ended.code > 128:
            _die_of(ended.code - 128)
        raise
    except (OSError, ImportError, MemoryError) as failure:
        _give_up(failure)


def _die_of(number: int) -> None:
    """End the process by the signal: the shell's `$?` is 128 + `number` then. Exits with that code on Windows."""
    if sys.platform == "win32":
        sys.exit(128 + number)
    import atexit
    from contextlib import suppress

    signal.signal(number, signal.SIG_DFL)
    atexit._run_exitfuncs()  # noqa: SLF001 - the interpreter's own end, which calls it, cannot be a signal
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, OSError, ValueError):  # closed
            stream.flush()
    os.kill(os.getpid(), number)
    os._exit(128 + number)  # the signal is blocked


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
