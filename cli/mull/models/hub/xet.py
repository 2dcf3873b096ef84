"""Files that the Hub serves through its Xet protocol alone: huggingface_hub fetches those, in its own way.

In: a file of a commit. Out: its path in the cache, not yet checked. huggingface_hub writes to a temporary file that no
later call takes up again, so an interrupted download begins anew; its progress is read from that file's size.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from mull.models.disk.hf_cache import RepositoryFolder
from mull.models.hub.client import endpoint, explain
from mull.models.hub.listing import RemoteFile

HTTP_LIMIT = 50 * 10**9  # bytes; the Hub serves larger files through Xet alone
TICK = 0.2  # seconds between two looks at the temporary file


def fetch(
    folder: RepositoryFolder, commit: str, file: RemoteFile, on_progress: Callable[[int], bool]
) -> Path | None:
    """Download; None when `on_progress`, told the bytes so far, wants no more. Raises HubError."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.utils import disable_progress_bars  # type: ignore[attr-defined] # exported, lazily

    disable_progress_bars()
    results: list[Path] = []
    failures: list[Exception] = []

    def download() -> None:
        try:
            path = hf_hub_download(
                folder.repo,
                file.filename,
                revision=commit,
                cache_dir=folder.folder.parent,
                endpoint=endpoint(),
                library_name="mull",
            )
            results.append(Path(path))
        except Exception as failure:  # noqa: BLE001 - raised below, in words
            failures.append(failure)

    thread = threading.Thread(target=download, name="xet", daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(TICK)
        if not on_progress(_written(folder, file)):
            return None
    for failure in failures:
        raise explain(failure, folder.repo, commit, listed=True) or failure from failure
    return results[0]


def _written(folder: RepositoryFolder, file: RemoteFile) -> int:
    """Bytes in the temporary file of this download; of several, the largest."""
    sizes = [0]
    with suppress(OSError):
        found = folder.blob(file.etag).parent.glob(f"{file.etag}.*.incomplete")
        sizes.extend(path.stat().st_size for path in found)
    return min(file.bytes, max(sizes))
