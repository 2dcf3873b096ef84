"""Finished wheels on this disk, under the key of their recipe, and the folder in which one is being built.

In: a key. Out: a wheel whose record says that it was built by this recipe and for this CPU, or nothing. pip's own cache
is not used: its key is the version only, so that it would return a wheel built with other flags.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import tempfile
from pathlib import Path

from llama_build.recipe import Recipe

RECORD = "wheel.json"


def base() -> Path:
    """The cache folder of mull's builds; it may not exist."""
    if platform.system() == "Windows":
        return Path(os.environ.get("LOCALAPPDATA") or tempfile.gettempdir()) / "mull"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mull"


def writable(folder: Path) -> OSError | None:
    """Why nothing can be written into this folder; None if it can. Makes the folder."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return None
    except OSError as error:
        return error


def wheels(root: Path, recipe: Recipe) -> Path:
    """Where the wheel of this recipe is stored."""
    return root / "wheels" / recipe.key


def find(root: Path, recipe: Recipe) -> tuple[Path | None, str]:
    """The stored wheel of this recipe; else None, and why the one that lies there can't be used (empty: none does)."""
    folder = wheels(root, recipe)
    wheel = next(iter(sorted(folder.glob("*.whl"))), None)
    if wheel is None:
        return None, ""
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        recorded = (str(record["key"]), str(record["cpu"]), str(record["sha256"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None, "it has no record of how it was built"
    if recorded[1] != recipe.cpu:
        return None, "it was built for another CPU"
    if recorded[0] != recipe.key:
        return None, "it was built in another way"
    if recorded[2] != _sha256(wheel):
        return None, "it is damaged"
    return wheel, ""


def keep(wheel: Path, root: Path, recipe: Recipe) -> Path:
    """Move a finished wheel to its place, and write its record; the wheel appears last, in one step."""
    folder = wheels(root, recipe)
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.whl"):
        old.unlink()
    record = {"key": recipe.key, "cpu": recipe.cpu, "sha256": _sha256(wheel), "backend": recipe.backend}
    (folder / RECORD).write_text(json.dumps(record), encoding="utf-8")
    return wheel.replace(folder / wheel.name)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
