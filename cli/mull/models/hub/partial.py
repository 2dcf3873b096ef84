"""The file of an unfinished download: only a plain file of the user is resumed or written.

In: its path, which others know before it exists. Raises OSError.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO


def own_size(path: Path) -> int:
    """The size of a partial file that can be resumed; 0 for anything else.

    Its name is known before it exists (other tools and a later run find it). In a cache that several users share, what
    is there may be a link to a file of the user, or somebody else's file.
    """
    try:
        found = path.lstat()
    except OSError:
        return 0
    mine = not hasattr(os, "getuid") or found.st_uid == os.getuid()
    return found.st_size if stat.S_ISREG(found.st_mode) and found.st_nlink == 1 and mine else 0


def open_partial(path: Path, *, new: bool) -> BinaryIO:
    """The partial file, unbuffered; `new`: what is there is removed first. Raises OSError."""
    flags = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    if new:
        path.unlink(missing_ok=True)
        flags |= os.O_CREAT | os.O_EXCL
    return open(os.open(path, flags, 0o600), "r+b", buffering=0)
