"""Whose prompt templates and `.mull.toml` may set more than the prompt: the user's own, and those of trusted folders.

In: the path of a template or of a project's settings, or a folder. Out: whether it is trusted, or why it cannot be.
Trust holds for one folder, by its real path and its owner, while nobody else can write there; the list lies in the
state folder. Raises MullError (untrustable_folder) and, when the list cannot be stored, OSError.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

from mull.config.places import PROJECT_FILE
from mull.errors import UsageError
from mull.fs import ownership, paths
from mull.fs.atomic import write_atomic
from mull.fs.json_text import read_json
from mull.fs.lock import locked
from mull.settings import Sampling

LIST = "trusted-folders.json"  # in the state folder
HARMLESS = frozenset(
    {"system", "stop", "reason", "effort", "think_budget", "thinking", "max_tokens", "loop_guard"}
    | {"markdown", "schema"}
    | {f.name for f in fields(Sampling)}
)
"""What any template may set. A `schema` only as text; a path to one reaches beyond the prompt."""

_LONGEST = 1 << 20  # bytes of the list


def is_trusted(path: Path) -> bool:
    """Whether the template at `path` is the user's own or lies in a trusted folder, and only trusted users can write
    it."""
    real = Path(os.path.realpath(path))
    if real.parent == Path(os.path.realpath(paths.config_dir() / "templates")):
        return ownership.weakness(path) is None
    owner = trusted_folders().get(str(real.parent))
    if owner is None or _owner(real.parent) != owner:
        return False
    return ownership.weakness(real, {owner}) is None


def left_out(path: Path) -> str:
    """Why a template that was found by its name is not used, as a sentence: another user wrote it. "" if it is used."""
    folder = path.parent
    places = (folder.parent, folder, path) if folder.parent.name == ".mull" else (folder, path)
    for place in places:
        if found := ownership.foreign(place):
            return "" if is_trusted(path) else f"{found}, so its templates are not used."
    return ""


def trusted_folders() -> dict[str, int]:
    """The real path of each trusted folder, and its owner then. Empty when others could have written the list."""
    file = _file()
    if not file.exists() or ownership.weakness(file) is not None:
        return {}
    try:
        values = read_json(file, most=_LONGEST)
    except (OSError, ValueError):
        return {}
    listed = values.get("folders") if isinstance(values, Mapping) else None
    if not isinstance(listed, Mapping):
        return {}
    return {path: owner for path, owner in listed.items() if isinstance(owner, int)}


def folder_of(folder: Path) -> Path:
    """The folder that is trusted with a project: the real one that holds its templates, else the folder itself."""
    inside = folder / ".mull" / "templates"
    return Path(os.path.realpath(inside if inside.is_dir() else folder))


def trust(folder: Path) -> Path:
    """Trust the templates and the settings of a project, or those that lie in the folder; returns the folder of the
    templates."""
    place = folder_of(folder)
    places = {place, Path(os.path.realpath(folder))} if (folder / PROJECT_FILE).exists() else {place}
    for one in places:
        if why := cannot_be_trusted(one):
            raise UsageError(
                "untrustable_folder", f"{folder} cannot be trusted: {why}.", ownership.remedy(why)
            )
    with _sole_writer():
        _write({**trusted_folders(), **{str(one): _owner(one) for one in places}})
    return place


def untrust(folder: Path) -> bool:
    """Trust the folder no longer; whether it was trusted. A folder that is gone is taken by its path."""
    places = {str(folder_of(folder)), os.path.realpath(folder)}
    if not places & trusted_folders().keys():
        return False
    with _sole_writer():
        _write({path: owner for path, owner in trusted_folders().items() if path not in places})
    return True


def cannot_be_trusted(place: Path) -> str | None:
    """Why trusting this real folder would be of no use: it is none, or others than its owner can write there."""
    if not place.is_dir():
        return "there is no such folder"
    if why := ownership.weakness(place, {_owner(place)}):
        return why
    file = _file()
    if file.parent.exists() and (why := ownership.weakness(file if file.exists() else file.parent)):
        return f"the list of trusted folders is not safe, as {why}"
    return None


def _file() -> Path:
    return paths.state_dir() / LIST


def _owner(place: Path) -> int:
    return place.stat().st_uid


@contextmanager
def _sole_writer() -> Iterator[None]:
    paths.private_dir(_file().parent)
    with locked(_file()):
        yield


def _write(folders: Mapping[str, int]) -> None:
    values: dict[str, Any] = {"v": 1, "folders": dict(sorted(folders.items()))}
    write_atomic(_file(), json.dumps(values, indent=1))
