"""The listing of a repository on the Hub: its commit, and its files with their sizes and digests.

In: `owner/repo` and a revision. Out: a `Repository` whose names, hashes and sizes are validated. The Hub needs one
request; a mirror that lists names only is asked for its tree as well, and for the HTTP headers of model files that the
tree does not describe. Raises HubError.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

from mull.dataclass import dataclass
from mull.models.hub.answer import json_of
from mull.models.hub.client import REQUEST_SECONDS, RetryPolicy, get, session, with_retries
from mull.models.hub.endpoint import endpoint, is_hub
from mull.models.hub.errors import HubError
from mull.models.naming.filenames import is_safe, is_weights

PAGES = 50  # of a tree, 1000 files each; a limit for a server whose listing never ends
_SHA256 = re.compile(r"[0-9a-f]{64}")
_COMMIT = re.compile(r"[0-9a-f]{40}")

SizeAndHash = tuple[object, object]  # as the server sent them, not validated


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One file of a commit. `etag` names its blob: the SHA-256 for large files, git's SHA-1 for small ones."""

    filename: str
    bytes: int
    etag: str

    @property
    def sha256(self) -> str | None:
        return self.etag if len(self.etag) == 64 else None


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository at one commit. `refused`: file names that are not safe as paths."""

    repo: str
    revision: str
    commit: str
    files: tuple[RemoteFile, ...]
    refused: tuple[str, ...] = ()

    def file(self, filename: str) -> RemoteFile | None:
        return next((file for file in self.files if file.filename == filename), None)


def look_up(
    repo: str,
    revision: str = "main",
    *,
    retry: RetryPolicy | None = None,
    stop: threading.Event | None = None,
    on_retry: Callable[[float, HubError], None] = lambda _seconds, _error: None,
) -> Repository:
    """Ask the Hub. Transient failures (429, 5xx, timeouts) are retried. Raises HubError."""

    def ask() -> Repository:
        return _repository(repo, revision)

    return with_retries(ask, repo, revision, retry or RetryPolicy(), stop or threading.Event(), on_retry)


def _repository(repo: str, revision: str) -> Repository:
    info = json_of(get(f"/api/models/{quote(repo)}/revision/{quote(revision, safe='')}", blobs="true"))
    commit = info["sha"]
    if not isinstance(commit, str) or not _COMMIT.fullmatch(commit):
        raise ValueError("no commit")
    listed = {str(one["rfilename"]): _size_and_hash(one) for one in info.get("siblings") or ()}
    names = [name for name in listed if is_safe(name)]
    if any(not _known(listed[name]) for name in names if is_weights(name)):
        listed |= {name: found for name, found in _tree(repo, commit) if name in listed}
    for name in names:
        if is_weights(name) and not _known(listed[name]):
            listed[name] = _headers(repo, commit, name)
    files = tuple(_file(name, *listed[name]) for name in names if _known(listed[name]))
    return Repository(repo, revision, commit, files, tuple(name for name in listed if name not in names))


def _size_and_hash(one: Mapping[str, Any]) -> SizeAndHash:
    """Size and hash of a file in the listing or the tree."""
    large = one.get("lfs")
    if isinstance(large, Mapping):
        return large.get("size", one.get("size")), large.get("sha256") or large.get("oid")
    return one.get("size"), one.get("blobId") or one.get("oid")


def _tree(repo: str, commit: str) -> Iterator[tuple[str, SizeAndHash]]:
    """Every file of a commit; none where the server has no tree API."""
    from huggingface_hub.errors import HfHubHTTPError

    address, parameters = f"/api/models/{quote(repo)}/tree/{commit}", {"recursive": "true"}
    for _ in range(PAGES):
        try:
            answer = get(address, **parameters)
        except HfHubHTTPError as error:
            if error.response.status_code == 404:
                return
            raise
        for one in json_of(answer):
            if one["type"] == "file":
                yield str(one["path"]), _size_and_hash(one)
        link = answer.links.get("next", {}).get("url")
        if not link:
            return
        following = _next_page(answer.url, link)
        if following is None:  # on another server, which has no say in what the Hub's repository contains
            return
        address, parameters = following, {}


def _next_page(page: Any, link: str) -> str | None:
    """The address of the next page of a listing, from the URL of this one; None if it is not on the Hub."""
    try:
        following = page.join(link)
    except Exception:  # noqa: BLE001 - the HTTP client's own error for an invalid address, of a class it may rename
        return None
    return str(following) if is_hub(following) and not following.userinfo else None


def _headers(repo: str, commit: str, name: str) -> SizeAndHash:
    """Size and hash from the HTTP headers of the file itself."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    session()
    url = hf_hub_url(repo, name, revision=commit, endpoint=endpoint())
    found = get_hf_file_metadata(url, timeout=REQUEST_SECONDS, library_name="mull", endpoint=endpoint())
    return found.size, found.etag


def _known(found: SizeAndHash) -> bool:
    return found[0] is not None and found[1] is not None


def _file(name: str, size: object, etag: object) -> RemoteFile:
    if not isinstance(size, int) or size < 0 or not isinstance(etag, str):
        raise ValueError("no size")
    if not _SHA256.fullmatch(etag) and not _COMMIT.fullmatch(etag):
        raise ValueError("no hash")
    return RemoteFile(name, size, etag)
