"""Give freed memory back to the operating system, where the C library retains it.

glibc retains freed blocks of up to 32 MB once one of that size was freed: after a context was replaced by a larger one,
the buffers of the old one and the saved states still count as memory of the process. Does nothing elsewhere.
"""

from __future__ import annotations

import ctypes
import sys


def release_freed_memory() -> None:
    """Takes about a millisecond."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # not in musl
        if trim is not None:
            trim(0)
