"""Download of files that the Hub serves through its Xet protocol only, by huggingface_hub.

In: a file of a commit. Out: its path in the cache, not yet verified. huggingface_hub writes to a temporary file that no
later call resumes, so an interrupted download starts over; progress is read from that file's size.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import wait
from contextlib import suppress
from pathlib import Path

from mull.models.disk.hf_cache import RepositoryFolder
from mull.models.hub.background import run_in_background
from mull.models.hub.client import session
from mull.models.hub.endpoint import endpoint
from mull.models.hub.failures import explain
from mull.models.hub.listing import RemoteFile

HTTP_LIMIT = 50 * 10**9  # bytes; the Hub serves larger files through Xet only
POLL_SECONDS = 0.2


def fetch(
    folder: RepositoryFolder, commit: str, file: RemoteFile, on_progress: Callable[[int], bool]
) -> Path | None:
    """Download the file; None when `on_progress`, called with the bytes so far, returns False. Raises HubError."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.utils import disable_progress_bars  # type: ignore[attr-defined] # exported, lazily

    disable_progress_bars()
    session()

    def download() -> Path:
        path = hf_hub_download(
            folder.repo,
            file.filename,
            revision=commit,
            cache_dir=folder.folder.parent,
            endpoint=endpoint(),
            library_name="mull",
        )
        return Path(path)

    future = run_in_background(download, "xet")
    while not wait([future], POLL_SECONDS).done:
        if not on_progress(_written(folder, file)):
            return None
    try:
        return future.result()
    except Exception as failure:
        explained = explain(failure, folder.repo, commit, listed=True)
        if explained is None or explained is failure:
            raise
        raise explained from failure


def _written(folder: RepositoryFolder, file: RemoteFile) -> int:
    """Bytes in the temporary file of this download; the largest, if there are several."""
    sizes = [0]
    with suppress(OSError):
        found = folder.blob(file.etag).parent.glob(f"{file.etag}.*.incomplete")
        sizes.extend(path.stat().st_size for path in found)
    return min(file.bytes, max(sizes))
