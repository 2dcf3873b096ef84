"""Where the process begins: `mull` and `python -m mull`. Ctrl+C is quiet from here on, during imports too."""

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
