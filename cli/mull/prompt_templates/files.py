"""Where prompt templates lie: the user's own in the config folder, a project's in its `.mull/templates`.

In: a name or a path, and the folder to look from. Out: the file. Of two with the same name the user's own is used. A
folder or file of another user counts only if it was trusted (`config/trust.py`); what is left out, `left_out` says.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from mull.config import trust
from mull.errors import MullError
from mull.fs import paths
from mull.prompt_templates.template import SUFFIX, PromptTemplate, read
from mull.suggest import did_you_mean, nearest

PROJECT = Path(".mull", "templates")


def working_folder() -> Path | None:
    """The folder to look from; None when it was deleted."""
    try:
        return Path.cwd()
    except OSError:
        return None


def find(name: str, here: Path | None) -> PromptTemplate:
    """The template of that name, looked up from the folder `here`, or of that path. Raises UsageError, MullError."""
    return read(locate(name, here))


def locate(name: str, here: Path | None) -> Path:
    """The path of that template, not read. Raises UsageError for an unknown name."""
    if _is_path(name):
        return Path(name)
    for folder in folders(here):
        if (path := folder / (name + SUFFIX)).is_file() and not trust.left_out(path):
            return path
    for folder in folders(here):
        if what := _other_than_file(folder / (name + SUFFIX)):
            raise MullError(
                "unknown_prompt_template",
                f'There is no template "{name}": {what}.',
                "Put a file in its place; mull templates lists them all.",
            )
    known = [path.stem for path in all_files(here) if path.is_file()]
    hidden = next((why for path, why in _left_out(here) if path.stem == name or path.suffix != SUFFIX), "")
    hint = did_you_mean(nearest(name, known), "mull templates lists them.")
    raise MullError("unknown_prompt_template", f'There is no template "{name}".', hidden or hint)


def _other_than_file(path: Path) -> str:
    """What is at the path instead of a file that can be read; empty where there is nothing, or a file."""
    if not os.path.lexists(path):
        return ""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        return f"{path} cannot be read: {error.strerror}"
    if stat.S_ISREG(mode):
        return ""
    return f"{path} is {'a folder' if stat.S_ISDIR(mode) else 'not a regular file'}"


def new_file(name: str) -> Path:
    """The path for a new template of that name or path; its folder is created. Raises OSError."""
    if _is_path(name):
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path
    return paths.private_dir(own_folder()) / (name + SUFFIX)


def own_folder() -> Path:
    """The folder of the user's own templates."""
    return paths.config_dir() / "templates"


def folders(here: Path | None) -> Iterator[Path]:
    """The template folders in order of precedence: the user's, then from `here` up to the repository's root."""
    yield own_folder()
    yield from (folder / PROJECT for folder in _around(here))


def project(here: Path | None) -> Path | None:
    """The nearest folder, from `here` up to the repository's root, that has templates."""
    return next((folder for folder in _around(here) if (folder / PROJECT).is_dir()), None)


def all_files(here: Path | None) -> list[Path]:
    """The files of all templates, by name; of two with the same name the one with precedence."""
    found: dict[str, Path] = {}
    for folder in folders(here):
        for path in _in(folder):
            if path.stem not in found and not trust.left_out(path):
                found[path.stem] = path
    return [found[name] for name in sorted(found)]


def left_out(here: Path | None) -> list[str]:
    """Why templates are left out, as sentences, each once."""
    return list(dict.fromkeys(why for _, why in _left_out(here)))


def _left_out(here: Path | None) -> Iterator[tuple[Path, str]]:
    for folder in folders(here):
        for path in _in(folder):
            if why := trust.left_out(path):
                yield path, why


def _in(folder: Path) -> list[Path]:
    try:
        return sorted(folder.glob("*" + SUFFIX)) if folder.is_dir() else []
    except OSError:  # not readable
        return []


def _around(here: Path | None) -> list[Path]:
    if here is None:
        return []
    around = [here, *here.parents]
    root = next((i for i, folder in enumerate(around) if (folder / ".git").exists()), 0)
    return around[: root + 1]


def _is_path(name: str) -> bool:
    return name.endswith(SUFFIX) or "/" in name or "\\" in name
