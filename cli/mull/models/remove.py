"""Free the space of a model: its links, its blobs and what an interrupted download left behind.

Only what lies in the Hugging Face cache is removed; files of other tools are theirs. A blob goes when no snapshot of
its repository links to it any more, so what another revision or file shares stays. `freed` is what the disk got back.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mull.errors import MullError, UsageError
from mull.fs import paths
from mull.models.catalogue.catalogue import load_catalogue
from mull.models.disk import records
from mull.models.disk.discover import LocalModel
from mull.models.disk.errors import disk_error
from mull.models.disk.hf_cache import RepositoryFolder, hub_cache
from mull.models.naming.filenames import parts_of
from mull.models.naming.reference import is_path, parse_hub
from mull.models.resolve import NotInstalled, find, matching, split_name, unknown

_OWNERS = {
    "lmstudio": ("LM Studio", "Remove it there: lms, or its My Models page."),
    "ollama": ("Ollama", "Remove it there: ollama rm {name}"),
    "llama.cpp": ("llama.cpp", "Delete the file yourself: {path}"),
    "folder": ("you", "Delete the file yourself: {path}"),
}


@dataclass(frozen=True, slots=True)
class Removed:
    """What went. `freed` bytes; `partial`: it was an unfinished download."""

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
            "path_instead_of_name", f"{name} is a path.", "mull rm removes what mull pull brought."
        )
    found = matching(name, folders)
    models = [model for model in found if model.source == "hub"]
    if not models:
        if found:
            raise _foreign(found[0])
        reference = parse_hub(name)
        repo = entry.repo if entry else reference.repo if reference else None
        if repo and (freed := _remove_partials(RepositoryFolder.of(repo))) is not None:
            return [Removed(name, freed, partial=True)]
        with suppress(NotInstalled):
            find(name, folders=folders)
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
    owner, hint = _OWNERS[model.source]
    return MullError(
        "unmanaged_model",
        f"{model.name} belongs to {owner}; mull does not write there.",
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
            freed += _unlink(file.link)
    return freed + _sweep(folder)


def _sweep(folder: RepositoryFolder) -> int:
    """Remove blobs that nothing links to and folders that hold nothing; without weights, the card goes too."""
    freed = 0
    files = list(folder.files())
    if all(file.filename == "README.md" for file in files):
        freed += sum(_unlink(file.link) for file in files)
        files = []
    wanted = {_first_hop(file.link) for file in files}
    for blob in _entries(folder.folder / "blobs"):
        if str(blob) not in wanted and not _in_use(folder, blob):
            freed += _unlink(blob, folder.folder.parent)
    for root, _, _ in os.walk(folder.folder / "snapshots", topdown=False):
        _remove_empty(Path(root))
    if not files and not _entries(folder.folder / "blobs"):
        for ref in sorted((folder.folder / "refs").rglob("*"), reverse=True):
            ref.unlink() if ref.is_file() else _remove_empty(ref)
        for name in ("refs", "blobs", "."):
            _remove_empty(folder.folder / name)
    return freed


def _unlink(path: Path, cache: Path | None = None) -> int:
    """Remove a file or link; the bytes that this freed.

    Newer caches keep some blobs in a store that repositories share: there the last user turns off the light.
    """
    if not path.is_symlink():
        size = path.stat().st_size
        path.unlink()
        return size
    shared = None
    with suppress(ImportError, AttributeError, OSError):
        from huggingface_hub.utils import _shared_blobs

        shared = _shared_blobs.shared_blob_target(path, cache) if cache else None
    path.unlink()
    return _shared_blobs.sweep_shared_blob(shared, cache_dir=cache) if shared and cache else 0


def _remove_partials(folder: RepositoryFolder) -> int | None:
    """Unfinished downloads that nobody is working on; None when there are none."""
    partials = [path for path in _entries(folder.folder / "blobs") if path.suffix == ".incomplete"]
    return _sweep(folder) if any(not _in_use(folder, path) for path in partials) else None


def _in_use(folder: RepositoryFolder, blob: Path) -> bool:
    """Is a download of this blob running, here or in another process? Then its lock is held."""
    lock = folder.lock_folder / f"{blob.name.split('.')[0]}.lock"
    if blob.suffix != ".incomplete" or not lock.is_file():
        return False
    from huggingface_hub.utils import WeakFileLock  # type: ignore[attr-defined] # exported, lazily

    try:
        with WeakFileLock(lock, timeout=0.05):
            return False
    except TimeoutError:
        return True


def _first_hop(link: Path) -> str:
    """The blob that a snapshot's link names; not followed further, for a blob may itself be a link to a shared one."""
    if not link.is_symlink():
        return str(link)
    return os.path.normpath(link.parent / os.readlink(link))  # noqa: PTH115


def _entries(folder: Path) -> list[Path]:
    with suppress(OSError):
        return sorted(folder.iterdir())
    return []


def _remove_empty(folder: Path) -> None:
    with suppress(OSError):
        folder.rmdir()
