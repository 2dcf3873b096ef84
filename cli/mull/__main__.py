"""`python -m mull` is `mull`."""

from mull.app import main

if __name__ == "__main__":
    main()
