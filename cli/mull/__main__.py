"""The entry point of `mull` and `python -m mull`. Ctrl+C ends the process without a traceback, also during imports.
A process without file descriptors or memory left ends with a sentence."""

import sys


def main() -> None:
    """Run the command line and end the process."""
    try:
        from mull import app

        app.main()
    except KeyboardInterrupt:
        sys.exit(130)
    except (OSError, ImportError, MemoryError) as failure:
        _give_up(failure)


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
