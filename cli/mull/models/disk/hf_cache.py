"""The Hugging Face cache on the disk, in the layout of huggingface_hub and shared with all tools that use it.

    models--OWNER--REPO/blobs/SHA256                  the bytes
    models--OWNER--REPO/snapshots/COMMIT/file.gguf    a link to a blob (a plain file where links are not supported)
    models--OWNER--REPO/refs/main                     the commit of a branch when the Hub was last asked

Paths only: this imports no huggingface_hub (slow) and uses no network.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from mull.dataclass import dataclass
from mull.fs.atomic import symlink_atomic
from mull.models.naming.filenames import as_local

PREFIX = "models--"
_COMMIT = re.compile(r"[0-9a-f]{40}")


def home() -> Path:
    """The user's home folder; the current folder if there is none."""
    try:
        return Path.home()
    except RuntimeError:
        return Path.cwd()


def is_file(path: Path) -> bool:
    """Like Path.is_file, but False inside a folder that may not be entered (such as that of Ollama's service)."""
    with suppress(OSError):
        return path.is_file()
    return False


def is_folder(path: Path) -> bool:
    """The same for folders."""
    with suppress(OSError):
        return path.is_dir()
    return False


def hub_cache() -> Path:
    """The cache's folder, from HF_HUB_CACHE, HF_HOME and XDG_CACHE_HOME as huggingface_hub reads them."""
    environ = os.environ
    general = environ.get("XDG_CACHE_HOME", str(home() / ".cache"))
    hf_home = _expand(environ.get("HF_HOME", str(Path(general) / "huggingface")))
    legacy = environ.get("HUGGINGFACE_HUB_CACHE", str(Path(hf_home) / "hub"))
    return Path(_expand(environ.get("HF_HUB_CACHE", legacy)))


def _expand(path: str) -> str:
    return os.path.expandvars(os.path.expanduser(path))  # noqa: PTH111 - must not raise without a home


@dataclass(frozen=True, slots=True)
class CachedFile:
    """One file of a repository in the cache. `link` is its path in a snapshot, `path` the link's target."""

    filename: str
    commit: str
    link: Path
    path: Path


@dataclass(frozen=True, slots=True)
class RepositoryFolder:
    """A repository's folder in the cache, whether or not it exists."""

    repo: str
    folder: Path

    @classmethod
    def of(cls, repo: str, cache: Path | None = None) -> RepositoryFolder:
        root = hub_cache() if cache is None else cache
        return cls(repo, root / (PREFIX + repo.replace("/", "--")))

    @property
    def lock_folder(self) -> Path:
        return self.folder.parent / ".locks" / self.folder.name

    def blob(self, etag: str) -> Path:
        return self.folder / "blobs" / etag

    def link(self, commit: str, filename: str) -> Path:
        """The path of a file in a snapshot."""
        return self.folder / "snapshots" / commit / as_local(filename)

    def commit_of(self, revision: str) -> str | None:
        """The commit of a revision when the Hub was last asked; of a commit, itself."""
        if _COMMIT.fullmatch(revision):
            return revision
        with suppress(OSError, ValueError):
            text = (self.folder / "refs" / as_local(revision)).read_text(encoding="ascii").strip()
            return text if _COMMIT.fullmatch(text) else None
        return None

    def commits(self) -> list[str]:
        """The commits of the snapshots: that of `main` first, then the newest first."""
        with suppress(OSError):
            found = [(entry.stat().st_mtime, entry.name) for entry in (self.folder / "snapshots").iterdir()]
            main = self.commit_of("main")
            return [name for _, name in sorted(found, key=lambda one: (one[1] == main, one[0]), reverse=True)]
        return []

    def files(self, ending: str = "") -> Iterator[CachedFile]:
        """Every file in every snapshot; broken links are left out."""
        for commit in self.commits():
            root = self.folder / "snapshots" / commit
            for folder, _, names in os.walk(root):
                for name in sorted(names):
                    link = Path(folder) / name
                    if name.lower().endswith(ending) and is_file(link):
                        yield CachedFile(
                            link.relative_to(root).as_posix(), commit, link, Path(os.path.realpath(link))
                        )


def repositories(cache: Path | None = None) -> list[RepositoryFolder]:
    """Every model repository in the cache, by name."""
    root = hub_cache() if cache is None else cache
    with suppress(OSError):
        names = sorted(entry.name for entry in root.iterdir() if entry.name.startswith(PREFIX))
        return [
            RepositoryFolder(name.removeprefix(PREFIX).replace("--", "/", 1), root / name) for name in names
        ]
    return []


def link_into_snapshot(blob: Path, link: Path) -> None:
    """Make a relative link, as huggingface_hub does; where links are not supported, move the file itself."""
    target = os.path.relpath(blob, link.parent)
    if link.is_symlink() and os.readlink(link) == target:  # noqa: PTH115
        return
    if not symlink_atomic(target, link) and not link.exists():
        blob.replace(link)
