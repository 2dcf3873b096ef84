"""Where mull keeps its files: config, state and cache in the platform's own places (XDG on Linux).

Nothing is created here except by `private_dir`, and for a user without a home directory (a container, a cron job with
an empty environment), who gets folders under the temporary directory instead of a traceback.
"""

from __future__ import annotations

import functools
import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path


def config_dir() -> Path:
    """Where `config.toml`, user catalogues and templates live."""
    return _place("user_config_path", "MULL_CONFIG_DIR", "config")


def state_dir() -> Path:
    """Where logs, verdicts, history and sessions live: files that mull writes by itself."""
    return _place("user_state_path", "MULL_STATE_DIR", "state")


def cache_dir() -> Path:
    """Where files live that can be made again: states of prompts."""
    return _place("user_cache_path", "MULL_CACHE_DIR", "cache")


def private_dir(path: Path) -> Path:
    """`path`, created if missing, readable by its owner alone. Raises OSError where the disk refuses."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def _place(function: str, variable: str, kind: str) -> Path:
    if chosen := os.environ.get(variable):
        return Path(chosen)
    import platformdirs

    try:
        place: Path = getattr(platformdirs, function)("mull", appauthor=False)
        if place.is_absolute() and "~" not in place.parts:
            return place
    except (RuntimeError, KeyError):  # no HOME, and no entry in the password file either
        pass
    return _without_home() / kind


@functools.cache
def _without_home() -> Path:
    """A folder under the temporary one: always the same for a user, unless somebody else sits on its name."""
    owner = os.getuid() if hasattr(os, "getuid") else None
    place = Path(tempfile.gettempdir()) / f"mull-{'user' if owner is None else owner}"
    with suppress(OSError):
        place.mkdir(mode=0o700, exist_ok=True)
        found = place.lstat()
        if stat.S_ISDIR(found.st_mode) and owner in {None, found.st_uid}:
            return place
    return Path(tempfile.mkdtemp(prefix="mull-"))
