"""Remove files, blobs and empty folders of a repository from the Hugging Face cache.

A blob is removed when no snapshot of its repository links to it any more and no download is writing it. Functions
return the bytes that were freed. Raises OSError.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from mull.models.disk.hf_cache import RepositoryFolder


def sweep(folder: RepositoryFolder) -> int:
    """Remove blobs without links and empty folders; without weights, the model card too."""
    freed = 0
    files = list(folder.files())
    if all(file.filename == "README.md" for file in files):
        freed += sum(unlink(file.link) for file in files)
        files = []
    wanted = {_first_hop(file.link) for file in files}
    for blob in _entries(folder.folder / "blobs"):
        if str(blob) not in wanted and not _in_use(folder, blob):
            freed += unlink(blob, folder.folder.parent)
    for root, _, _ in os.walk(folder.folder / "snapshots", topdown=False):
        _remove_empty(Path(root))
    if not files and not _entries(folder.folder / "blobs"):
        for ref in sorted((folder.folder / "refs").rglob("*"), reverse=True):
            ref.unlink() if ref.is_file() else _remove_empty(ref)
        for name in ("refs", "blobs", "."):
            _remove_empty(folder.folder / name)
    return freed


def unlink(path: Path, cache: Path | None = None) -> int:
    """Remove a file or a link. The target of a link is removed with it only where it lies in the store of blobs that
    newer caches share between repositories, and nothing else links to it."""
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


def remove_partials(folder: RepositoryFolder) -> int | None:
    """Remove the unfinished downloads that no process is writing; None when there are none."""
    partials = [path for path in _entries(folder.folder / "blobs") if path.suffix == ".incomplete"]
    return sweep(folder) if any(not _in_use(folder, path) for path in partials) else None


def _in_use(folder: RepositoryFolder, blob: Path) -> bool:
    """Is a download of this blob running, here or in another process? It then holds the lock."""
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
