"""Remove a model from the Hugging Face cache: its links, its blobs and partial downloads.

Files of other tools are not removed. A blob is removed once no snapshot of its repository links to it, so that
revisions can share blobs. `freed`: bytes of disk space.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from mull.dataclass import dataclass
from mull.errors import MullError, UsageError
from mull.fs import paths
from mull.models.catalogue.catalogue import load_catalogue
from mull.models.disk import packaged, records
from mull.models.disk.discover import LocalModel
from mull.models.disk.errors import disk_error
from mull.models.disk.hf_cache import RepositoryFolder, hub_cache
from mull.models.disk.sweep import remove_partials, sweep, unlink
from mull.models.naming.filenames import parts_of
from mull.models.naming.reference import is_path, parse_hub
from mull.models.resolve import find, matching, split_name, unknown
from mull.models.resolved import NotInstalled

_OWNERS = {
    "lmstudio": ("LM Studio", "Remove it there: lms, or its My Models page."),
    "ollama": ("Ollama", "Remove it there: ollama rm {name}"),
    "llama.cpp": ("llama.cpp", "Delete the file yourself: {path}"),
    "folder": ("you", "Delete the file yourself: {path}"),
}


@dataclass(frozen=True, slots=True)
class Removed:
    """A removed model. `freed`: bytes; `partial`: a partial download."""

    name: str
    freed: int
    partial: bool = False


def remove(name: str, *, every: bool = False, folders: Sequence[Path] = ()) -> list[Removed]:
    """Remove a model; with `every`, all its quantizations. Raises MullError, UsageError."""
    catalogue = load_catalogue(paths.config_dir())
    entry, _ = split_name(name, catalogue)
    if entry is not None and entry.builtin:
        raise UsageError("builtin_model", f"{entry.name} is built in and cannot be removed.", "It is small.")
    if is_path(name) and parse_hub(name) is None:
        raise UsageError(
            "path_instead_of_name", f"{name} is a path.", "mull rm removes what mull pull downloaded."
        )
    found = matching(name, folders)
    models = [model for model in found if model.source == "hub"]
    if not models:
        if found:
            raise _foreign(found[0])
        reference = parse_hub(name)
        repo = entry.repo if entry else reference.repo if reference else None
        if repo and (freed := remove_partials(RepositoryFolder.of(repo))) is not None:
            return [Removed(name, freed, partial=True)]
        with suppress(NotInstalled):
            _ = find(name, folders=folders).file
        if repo is None:
            raise unknown(name, catalogue, folders)
        raise MullError("not_installed", f"{name} is not installed.", "mull list shows what is.")
    if len(models) > 1 and not every:
        names = ", ".join(model.name for model in models)
        raise UsageError("ambiguous_model", f"Several are installed: {names}.", "Name one, or add --all.")
    try:
        return [Removed(model.name, _remove_model(model)) for model in models]
    except OSError as error:
        raise disk_error(error, hub_cache()) from error


def _foreign(model: LocalModel) -> MullError:
    if model.source == "package" and (package := packaged.package_of(model.path)):
        owner, hint = f"the Python package {package.distribution}", f"Uninstall it: {package.removal}"
    else:
        owner, hint = _OWNERS[model.source]
    return MullError(
        "unmanaged_model",
        f"{model.name} belongs to {owner}; mull does not remove it.",
        hint.format(name=model.name, path=model.path),
    )


def _remove_model(model: LocalModel) -> int:
    assert model.repo is not None
    folder = RepositoryFolder.of(model.repo)
    names = set(parts_of(model.filename))
    freed = 0
    for file in list(folder.files(".gguf")):
        if file.filename in names:
            records.forget(file.link)
            freed += unlink(file.link)
    return freed + sweep(folder)
