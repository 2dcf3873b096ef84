"""The download of one file from the Hub into the cache: resumed where it stopped, hashed on the way, verified.

The bytes go to `blobs/ETAG.incomplete`, unbuffered, so that a download that is killed loses nothing. Only when size and
digest match the Hub's record is the file renamed to its blob and linked into the snapshot. A lock file, the same that
huggingface_hub uses, serializes downloads of the same file. (huggingface_hub's own download cannot resume, hence this.)
"""

from __future__ import annotations

import re
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from mull.errors import MullError
from mull.models.disk import records
from mull.models.disk.errors import os_errors_as_mull_errors
from mull.models.disk.hf_cache import RepositoryFolder, link_into_snapshot
from mull.models.hub import xet
from mull.models.hub.client import LONGEST_WAIT, RetryPolicy, session
from mull.models.hub.client import headers as hub_headers
from mull.models.hub.digest import CHUNK, Digest
from mull.models.hub.endpoint import endpoint
from mull.models.hub.environment import seconds
from mull.models.hub.errors import HubError
from mull.models.hub.failures import explain
from mull.models.hub.listing import RemoteFile
from mull.models.hub.partial import open_partial, own_size
from mull.models.hub.refusals import LINK_REFUSED

MAGIC = b"GGUF"
READ_SECONDS = 20.0  # without a single byte, until a connection counts as dead
_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


class DownloadStopped(Exception):
    """The user stopped the download; the partial file stays."""


class ReplacedError(MullError):
    """The file on the Hub changed after it was listed."""


class FileTransfer:
    """The download of one file.

    `done` (bytes on the disk), `fetched` (bytes received) and `doing` may be read from any thread while `run` works.
    """

    def __init__(
        self,
        folder: RepositoryFolder,
        commit: str,
        file: RemoteFile,
        stop: threading.Event,
        retry: RetryPolicy | None = None,
    ) -> None:
        self.folder = folder
        self.commit = commit
        self.file = file
        self.stop = stop
        self.retry = retry or RetryPolicy()
        self.blob = folder.blob(file.etag)
        self.partial = self.blob.with_name(f"{file.etag}.incomplete")
        self.link = folder.link(commit, file.filename)
        self.done = self.present()
        self.fetched = 0
        self.doing = "downloading"

    def present(self) -> int:
        """Bytes of the whole or partial file on the disk."""
        with suppress(OSError):
            return min(self.blob.stat().st_size, self.file.bytes)
        return min(own_size(self.partial), self.file.bytes)

    def run(self) -> None:
        """Download, verify and link the file. Raises HubError, MullError, DownloadStopped."""
        with os_errors_as_mull_errors(self.folder.folder.parent):
            for folder in (self.blob.parent, self.link.parent, self.folder.lock_folder):
                folder.mkdir(parents=True, exist_ok=True)
            if self.file.bytes > xet.HTTP_LIMIT:
                self._fetch_by_xet()
            with self._locked():
                if self.link.is_file() and not self.link.is_symlink():  # a system without links: no blob
                    return
                if not self.blob.is_file():
                    self._fetch()
                elif self.blob.stat().st_size != self.file.bytes:
                    self.blob.unlink()
                    self._fetch()
                elif records.verified(self.blob) is None:
                    self.doing = "checking"
                    self._check(self._digest_of(self.blob), self.blob)
                self.done = self.file.bytes
                self._publish()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the file's lock; while another process holds it, show that one's progress."""
        from huggingface_hub.utils import WeakFileLock  # type: ignore[attr-defined] # exported, lazily

        lock = self.folder.lock_folder / f"{self.file.etag}.lock"
        while True:
            file_lock = WeakFileLock(lock, timeout=0.2)
            try:
                file_lock.__enter__()
            except TimeoutError:  # filelock's Timeout is one
                self.doing = "waiting for another download of this file"
                self.done = self.present()
                if self.stop.wait(0.2):
                    raise DownloadStopped from None
            else:
                break
        self.doing = "downloading"
        try:
            yield
        finally:
            file_lock.__exit__(None, None, None)

    def _fetch(self) -> None:
        """Complete the partial file, verify it, and rename it to its blob."""
        have = own_size(self.partial)
        if have > self.file.bytes:
            have = 0
        try:
            with open_partial(self.partial, new=not have) as sink:
                found = self._complete(sink, have)
        finally:
            with suppress(OSError):
                if self.partial.stat().st_size == 0:
                    self.partial.unlink()
        self._check(found, self.partial)
        # As open to others as the cache is: only its owner could read the file until now.
        self.partial.chmod(stat.S_IMODE(self.blob.parent.stat().st_mode) & 0o666)
        self.partial.replace(self.blob)

    def _complete(self, sink: BinaryIO, have: int) -> str:
        """Download what is missing after the first `have` bytes; returns the digest of the whole file."""
        digest = Digest(self.file.etag, self.file.bytes)
        try:
            if have:
                self.doing = "checking the partial file"
                self._digest_of(self.partial, digest)
                sink.seek(have)
            self.doing = "downloading"
            self.done = have
            digest = self._fill(sink, digest)
            return digest.finish()
        finally:
            digest.close()

    def _fill(self, sink: BinaryIO, digest: Digest) -> Digest:
        """Send requests until the file is complete. Gives up after too many failures in a row without a new byte."""
        failures = 0
        refused_at = -1  # where the file server last refused; a request to the Hub brings a fresh link to it
        while self.done < self.file.bytes:
            before = self.done
            try:
                digest = self._request(sink, digest)
                failure = HubError(
                    "connection_lost",
                    "The connection was lost.",
                    "Run the same command again; it resumes from there.",
                    transient=True,
                )
            except (DownloadStopped, ReplacedError):
                raise
            except Exception as error:
                explained = explain(error, self.folder.repo, self.commit, listed=True)
                if explained is None:  # a failure of the disk, or a bug
                    raise
                failure = explained
                if failure.code in {
                    "unknown_revision",
                    "remote_file_missing",
                }:  # it was listed a moment ago
                    raise self._replaced() from error
            if self.done == self.file.bytes:
                break
            if failure.code == LINK_REFUSED and refused_at != self.done:
                refused_at = self.done
                continue
            failures = failures + 1 if self.done <= before else 1
            if not failure.transient or failures >= self.retry.tries or (failure.wait or 0) > LONGEST_WAIT:
                raise failure
            self.doing = f"waiting to retry ({failure.message.rstrip('.')})"
            if self.stop.wait(self.retry.pause(failures, failure)):
                raise DownloadStopped
            self.doing = "downloading"
        return digest

    def _request(self, sink: BinaryIO, digest: Digest) -> Digest:
        """Request the rest of the file once, and write it as it arrives."""
        url_of_hub = endpoint()
        from huggingface_hub import hf_hub_url, hf_raise_for_status

        url = hf_hub_url(self.folder.repo, self.file.filename, revision=self.commit, endpoint=url_of_hub)
        headers = {**hub_headers(), "Accept-Encoding": "identity"}
        if self.done:
            headers["Range"] = f"bytes={self.done}-"
        timeout = seconds("HF_HUB_DOWNLOAD_TIMEOUT", READ_SECONDS)
        with session().stream(
            "GET", url, headers=headers, follow_redirects=True, timeout=timeout
        ) as response:
            if response.status_code == 416:  # the Hub's file is shorter than the partial one
                raise self._replaced()
            hf_raise_for_status(response)
            self._check_file(response)
            self._check_range(response)
            from_start = response.status_code != 206  # the server ignored the range
            for chunk in response.iter_bytes():
                if self.stop.is_set():
                    raise DownloadStopped
                if from_start:
                    self._check_format(chunk, response.headers.get("content-type", ""))
                    digest = self._start_over(sink, digest)
                    from_start = False
                self._write(sink, chunk[: self.file.bytes - self.done], digest)
                if self.done >= self.file.bytes:
                    break
        return digest

    def _start_over(self, sink: BinaryIO, digest: Digest) -> Digest:
        """Empty the partial file: the server sends the file from its first byte."""
        if self.done == 0:
            return digest
        digest.close()
        sink.seek(0)
        sink.truncate()
        self.done = 0
        return Digest(self.file.etag, self.file.bytes)

    def _write(self, sink: BinaryIO, chunk: bytes, digest: Digest) -> None:
        view = memoryview(chunk)
        while view:  # an unbuffered write may be partial, on a disk that fills up
            written = sink.write(view)
            digest.update(view[:written])
            self.done += written
            self.fetched += written
            view = view[written:]

    def _check_file(self, response: Any) -> None:
        """Raise ReplacedError unless it is still the listed file. The Hub's first response has the content's etag."""
        responses = [*response.history, response]
        linked = [one.headers["x-linked-etag"] for one in responses if "x-linked-etag" in one.headers]
        direct = [] if response.history else [response.headers.get("etag", "")]
        found = next(iter(linked + direct), "").removeprefix("W/").strip('"')
        if _HASH.fullmatch(found) and len(found) == len(self.file.etag) and found != self.file.etag:
            raise self._replaced()
        total = response.headers.get("content-range", "").rpartition("/")[2]
        if total.isdigit() and int(total) != self.file.bytes:
            raise self._replaced()

    def _check_range(self, response: Any) -> None:
        span = response.headers.get("content-range", "")
        if response.status_code == 206 and not span.startswith(f"bytes {self.done}-"):
            raise HubError(
                "unexpected_range",
                "The server sent another part of the file than requested.",
                "Run the same command again; it resumes from there.",
                transient=True,
            )

    def _check_format(self, chunk: bytes, content_type: str) -> None:
        if self.file.filename.lower().endswith(".gguf") and not chunk.startswith(MAGIC[: len(chunk)]):
            result = "the partial download stays" if self.done else "nothing was downloaded"
            page = "html" in content_type or chunk.lstrip()[:1] == b"<"
            raise HubError(
                "unexpected_response",
                f"The Hub sent {'a web page' if page else 'something else'} instead of {self.file.filename}.",
                f"A proxy or a login page may be in between; {result}.",
            )

    def _replaced(self) -> ReplacedError:
        with suppress(OSError):
            self.partial.unlink()
        return ReplacedError(
            "file_replaced",
            f"{self.file.filename} was replaced on the Hub during the download.",
            "Run the same command again to get the new one.",
        )

    def _digest_of(self, path: Path, digest: Digest | None = None) -> str:
        """The digest of a file, with its progress in `done`; a `digest` passed in is updated and stays open."""
        own = digest or Digest(self.file.etag, self.file.bytes)
        self.done = 0
        try:
            with path.open("rb", buffering=0) as source:
                while chunk := source.read(CHUNK):
                    if self.stop.is_set():
                        raise DownloadStopped
                    own.update(chunk)
                    self.done += len(chunk)
            return "" if digest else own.finish()
        finally:
            if digest is None:
                own.close()

    def _check(self, found: str, path: Path) -> None:
        """Remove a file whose digest is not the Hub's, and raise MullError."""
        if found != self.file.etag:
            path.unlink()
            self.done = 0
            raise MullError(
                "checksum_mismatch",
                f"{self.file.filename} is damaged: its SHA-256 is not the one on the Hub.",
                "The file was removed. Pull it again; if that fails too, suspect the disk, the memory or a proxy.",
            )

    def _publish(self) -> None:
        """Link the blob into the snapshot, and record that it was verified."""
        link_into_snapshot(self.blob, self.link)
        if self.file.sha256:
            records.record_verified(self.link, self.file.sha256, "hub")

    def _fetch_by_xet(self) -> None:
        """Download a file that is too large for plain HTTP. huggingface_hub takes the lock itself."""

        def on_progress(done: int) -> bool:
            self.done = done
            return not self.stop.is_set()

        if self.present() == self.file.bytes or self.link.is_file():
            return
        if xet.fetch(self.folder, self.commit, self.file, on_progress) is None:
            raise DownloadStopped
        self.fetched = self.file.bytes
