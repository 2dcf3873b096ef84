"""The folders of mull's own files: config, state and cache, where the platform puts them (XDG on Linux).

A user without a home directory (a container, a cron job with an empty environment) gets folders in the temporary
directory. Only `private_dir` and that case create folders.
"""

from __future__ import annotations

import functools
import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from mull.fs import ownership


def config_dir() -> Path:
    """The folder of `config.toml`, catalogues and prompt templates."""
    return _platform_folder("user_config_path", "MULL_CONFIG_DIR", "config")


def state_dir() -> Path:
    """The folder of sessions, input history, logs and self-check results: files that mull writes by itself."""
    return _platform_folder("user_state_path", "MULL_STATE_DIR", "state")


def cache_dir() -> Path:
    """The folder of files that can be recomputed: the prompt cache."""
    return _platform_folder("user_cache_path", "MULL_CACHE_DIR", "cache")


def weaknesses() -> dict[str, str]:
    """Why others could change what mull reads from its folders, as clauses, and what follows for mull, as sentences.

    In a config folder with the sticky bit others can create files; mull ignores those of another user there.
    """
    config = "What it says of models, folders, templates and prompts is not used."
    found = {
        ownership.weakness(config_dir(), new_files=False): config,
        ownership.weakness(config_dir() / "config.toml"): config,
        ownership.weakness(cache_dir()): "Prompts are not cached there.",
        ownership.weakness(
            state_dir()
        ): "Others could change the conversations there, and its record of the last download is not used.",
    }
    return {why: effect for why, effect in found.items() if why}


def private_dir(path: Path) -> Path:
    """Create the folder `path` if missing, readable by its owner only. Raises OSError."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def _platform_folder(function: str, variable: str, kind: str) -> Path:
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
    """A folder in the temporary directory: always the same for a user, unless another user owns that name."""
    owner = os.getuid() if hasattr(os, "getuid") else None
    place = Path(tempfile.gettempdir()) / f"mull-{'user' if owner is None else owner}"
    with suppress(OSError):
        place.mkdir(mode=0o700, exist_ok=True)
        found = place.lstat()
        if stat.S_ISDIR(found.st_mode) and owner in {None, found.st_uid}:
            return place
    return Path(tempfile.mkdtemp(prefix="mull-"))
