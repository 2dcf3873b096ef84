"""The verdicts of checks in a child process, cached in the state folder: what was checked, with what, when, the result.

In: a subject (a file, the library) and a key that names its version. Out: the stored verdict while it holds. Any holds
for one library and one version of the check; a bad one also for one version of mull, and for a week only. What stops a
check from outside is no verdict: it is never stored. Raises nothing but what `JsonCache.remove` does.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Final

from mull import __version__
from mull.fs.json_cache import JsonCache

CHECK_VERSION: Final = 4
"""Raise it when a check finds more, or judges otherwise."""

BAD_FOR: Final = 7 * 86_400.0  # seconds
FILES, LIBRARY = "file-check.json", "native-check.json"  # in the state folder


class Verdicts:
    """The verdicts of one kind of subject. `library`: the identity of the library that they are about."""

    def __init__(self, state_dir: Path, name: str, library: str) -> None:
        self._cache = JsonCache(state_dir / name)
        self._library = library

    def get(self, key: str) -> dict[str, Any] | None:
        """The verdict, None where there is none that still holds."""
        found = self._cache.get(key)
        return found if found is not None and holds(found, self._library) else None

    def put(self, key: str, subject: str, *, ok: bool, reason: str = "", **details: Any) -> dict[str, Any]:
        """Store a verdict and return it. `details`: whatever the check wants to know of it later."""
        verdict = {
            "ok": ok,
            "reason": reason,
            "subject": subject,
            **details,
            "library": self._library,
            "mull": __version__,
            "check": CHECK_VERSION,
            "time": int(time.time()),
        }
        self._cache.put(key, verdict)
        return verdict


def holds(verdict: dict[str, Any], library: str) -> bool:
    """Whether a stored verdict is about this library and this check, and, if it is bad, recent and of this mull."""
    if verdict.get("check") != CHECK_VERSION or verdict.get("library") != library:
        return False
    if verdict.get("ok") is True:
        return True
    stored = verdict.get("time")
    recent = isinstance(stored, int | float) and 0 <= time.time() - stored < BAD_FOR
    return recent and verdict.get("ok") is False and verdict.get("mull") == __version__


def stored(state_dir: Path, library: str) -> list[dict[str, Any]]:
    """The verdicts that hold, on the library and on files, oldest first."""
    found = [value for name in (LIBRARY, FILES) for value in JsonCache(state_dir / name).values()]
    return [verdict for verdict in found if isinstance(verdict, dict) and holds(verdict, library)]


def clear(state_dir: Path) -> int:
    """Remove all verdicts; how many there were. Raises OSError when a file cannot be written."""
    return sum(JsonCache(state_dir / name).clear() for name in (LIBRARY, FILES))
