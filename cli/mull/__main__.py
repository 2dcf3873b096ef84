"""The entry point of `mull` and `python -m mull`. Ctrl+C ends the process without a traceback, also during imports."""

import sys


def main() -> None:
    """Run the command line and end the process."""
    try:
        from mull import app

        app.main()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
