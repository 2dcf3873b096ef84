"""The prompt's history, saved between chats.

In: a path, or None to save nothing; `whole` unfolds the pastes of an input. Out: prompt_toolkit's history. The file is
readable by its owner only (0600); if it cannot be written, the history lasts as long as the chat. A file over the limit
is cut when a chat begins. Chats that write at once lose nothing of each other.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from mull.fs.atomic import write_atomic
from mull.fs.json_text import valid_unicode
from mull.fs.lock import locked
from mull.fs.paths import private_dir

if TYPE_CHECKING:
    from prompt_toolkit.history import History

LIMIT = 1 << 20  # bytes: a chat reads the whole file before the first prompt


def open_history(path: Path | None, whole: Callable[[str], str] = lambda text: text) -> History:
    """The history in this file, else one in memory. Raises nothing."""
    from prompt_toolkit.history import FileHistory, History, InMemoryHistory

    class _Whole(History):
        def append_string(self, string: str) -> None:
            super().append_string(whole(string))

    class _MemoryHistory(_Whole, InMemoryHistory): ...

    class _PrivateHistory(_Whole, FileHistory):
        def store_string(self, string: str) -> None:
            lines = valid_unicode(string).split("\n")
            entry = f"\n# {datetime.now()}\n" + "".join(f"+{line}\n" for line in lines)
            with suppress(OSError), locked(file), file.open("ab", buffering=0) as stored:
                stored.write(entry.encode())

    if path is None:
        return _MemoryHistory()
    file = path
    try:
        private_dir(path.parent)
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
        path.chmod(0o600)
        if path.stat().st_size > LIMIT:
            with locked(path):
                _shorten(path)
    except OSError:
        return _MemoryHistory()
    return _PrivateHistory(str(path))


def _shorten(path: Path) -> None:
    """Cut the file to its newest entries; each begins with a line that has its time. Raises OSError."""
    kept = path.read_bytes()[-LIMIT // 2 :]
    write_atomic(path, kept[kept.find(b"\n# ") + 1 :])
