"""One file from the Hub into the cache: resumed where it stopped, hashed while it is written, checked before it counts.

The bytes go to `blobs/ETAG.incomplete`, unbuffered, so that whatever arrived before a kill is there to go on from.
Only when size and digest are those of the Hub's record is the file renamed to its blob and linked into the snapshot.
A lock file, the one that huggingface_hub takes too, keeps two pulls of one file apart.
(huggingface_hub's own download begins every file anew, which is why the bytes are fetched here.)
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from mull.errors import MullError
from mull.models.disk import records
from mull.models.disk.errors import in_words
from mull.models.disk.hf_cache import RepositoryFolder, link_into_snapshot
from mull.models.hub import xet
from mull.models.hub.client import LONGEST_WAIT, Backoff, HubError, endpoint, explain
from mull.models.hub.digest import CHUNK, Digest
from mull.models.hub.listing import RemoteFile

MAGIC = b"GGUF"
READ_SECONDS = 20.0  # without a single byte, before a connection counts as dead
_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


class Stopped(Exception):
    """The user wants it to end; what arrived is kept."""


class Replaced(MullError):
    """The Hub has other bytes under this name than it said a moment ago."""


class FileTransfer:
    """The download of one file; `done`, `fetched` and `doing` may be read from any thread while `run` works."""

    def __init__(
        self,
        folder: RepositoryFolder,
        commit: str,
        file: RemoteFile,
        stop: threading.Event,
        backoff: Backoff | None = None,
    ) -> None:
        self.folder = folder
        self.commit = commit
        self.file = file
        self.stop = stop
        self.backoff = backoff or Backoff()
        self.blob = folder.blob(file.etag)
        self.partial = self.blob.with_name(f"{file.etag}.incomplete")
        self.link = folder.link(commit, file.filename)
        self.done = self.present()
        self.fetched = 0
        self.doing = "downloading"

    def present(self) -> int:
        """Bytes that are here already, whole or partial."""
        for path in (self.blob, self.partial):
            with suppress(OSError):
                return min(path.stat().st_size, self.file.bytes)
        return 0

    def run(self) -> None:
        """Raises HubError, MullError, Stopped; afterwards the file is linked, and recorded as verified."""
        with in_words(self.folder.folder.parent):
            for folder in (self.blob.parent, self.link.parent, self.folder.lock_folder):
                folder.mkdir(parents=True, exist_ok=True)
            if self.file.bytes > xet.HTTP_LIMIT:
                self._fetch_by_xet()
            with self._alone():
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
                self._place()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the file's lock; while somebody else does, show how far he is."""
        from huggingface_hub.utils import WeakFileLock  # type: ignore[attr-defined] # exported, lazily

        lock = self.folder.lock_folder / f"{self.file.etag}.lock"
        while True:
            held = WeakFileLock(lock, timeout=0.2)
            try:
                held.__enter__()
            except TimeoutError:  # filelock's Timeout is one
                self.doing = "waiting for another download of this file"
                self.done = self.present()
                if self.stop.wait(0.2):
                    raise Stopped from None
            else:
                break
        self.doing = "downloading"
        try:
            yield
        finally:
            held.__exit__(None, None, None)

    def _fetch(self) -> None:
        """Fill the partial file, check it, and give it its name."""
        have = self.partial.stat().st_size if self.partial.is_file() else 0
        if have > self.file.bytes:
            have = 0
        try:
            with self.partial.open("r+b" if have else "wb", buffering=0) as sink:
                found = self._complete(sink, have)
        finally:
            with suppress(OSError):
                if self.partial.stat().st_size == 0:
                    self.partial.unlink()
        self._check(found, self.partial)
        self.partial.replace(self.blob)

    def _complete(self, sink: BinaryIO, have: int) -> str:
        """The digest of the whole file, of which `have` bytes are here."""
        digest = Digest(self.file.etag, self.file.bytes)
        try:
            if have:
                self.doing = "checking what is here"
                self._digest_of(self.partial, digest)
                sink.seek(have)
            self.doing = "downloading"
            self.done = have
            digest = self._fill(sink, digest)
            return digest.finish()
        finally:
            digest.close()

    def _fill(self, sink: BinaryIO, digest: Digest) -> Digest:
        """Request after request until every byte is here. Failures in a row without a byte are counted."""
        failures = 0
        while self.done < self.file.bytes:
            before = self.done
            try:
                digest = self._request(sink, digest)
                failure = HubError(
                    "connection_lost",
                    "The connection was cut.",
                    "Run the same command again; it goes on from there.",
                    passing=True,
                )
            except (Stopped, Replaced):
                raise
            except Exception as error:
                explained = explain(error, self.folder.repo, self.commit, listed=True)
                if explained is None:  # the disk's failure, or a bug
                    raise
                failure = explained
                if failure.code in {
                    "unknown_revision",
                    "remote_file_missing",
                }:  # the commit was there a moment ago
                    raise self._replaced() from error
            if self.done == self.file.bytes:
                break
            failures = failures + 1 if self.done <= before else 1
            if not failure.passing or failures >= self.backoff.tries or (failure.wait or 0) > LONGEST_WAIT:
                raise failure
            self.doing = f"waiting to try again ({failure.message.rstrip('.')})"
            if self.stop.wait(self.backoff.pause(failures, failure)):
                raise Stopped
            self.doing = "downloading"
        return digest

    def _request(self, sink: BinaryIO, digest: Digest) -> Digest:
        """One request for the rest of the file, written as it comes."""
        from huggingface_hub import get_session, hf_hub_url, hf_raise_for_status
        from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined] # exported, lazily

        url = hf_hub_url(self.folder.repo, self.file.filename, revision=self.commit, endpoint=endpoint())
        headers = {**build_hf_headers(library_name="mull"), "Accept-Encoding": "identity"}
        if self.done:
            headers["Range"] = f"bytes={self.done}-"
        with get_session().stream(
            "GET", url, headers=headers, follow_redirects=True, timeout=READ_SECONDS
        ) as response:
            if response.status_code == 416:  # the Hub's file is shorter than what is here
                raise self._replaced()
            hf_raise_for_status(response)
            self._same_file(response)
            self._same_range(response)
            begins = (
                response.status_code != 206
            )  # with the file's first byte, also when a range was asked for
            for chunk in response.iter_bytes():
                if self.stop.is_set():
                    raise Stopped
                if begins:
                    self._same_format(chunk, response.headers.get("content-type", ""))
                    digest = self._from_the_start(sink, digest)
                    begins = False
                self._write(sink, chunk[: self.file.bytes - self.done], digest)
                if self.done >= self.file.bytes:
                    break
        return digest

    def _from_the_start(self, sink: BinaryIO, digest: Digest) -> Digest:
        """What is here gives way to the whole file, which comes again."""
        if self.done == 0:
            return digest
        digest.close()
        sink.seek(0)
        sink.truncate()
        self.done = 0
        return Digest(self.file.etag, self.file.bytes)

    def _write(self, sink: BinaryIO, chunk: bytes, digest: Digest) -> None:
        view = memoryview(chunk)
        while view:  # an unbuffered write may take a part only, on a disk that fills up
            written = sink.write(view)
            digest.update(view[:written])
            self.done += written
            self.fetched += written
            view = view[written:]

    def _same_file(self, response: Any) -> None:
        """Is it still the file of the record? The Hub's first answer names the content, wherever it redirects to."""
        answers = [*response.history, response]
        linked = [answer.headers["x-linked-etag"] for answer in answers if "x-linked-etag" in answer.headers]
        direct = [] if response.history else [response.headers.get("etag", "")]
        found = next(iter(linked + direct), "").removeprefix("W/").strip('"')
        if _HASH.fullmatch(found) and len(found) == len(self.file.etag) and found != self.file.etag:
            raise self._replaced()
        total = response.headers.get("content-range", "").rpartition("/")[2]
        if total.isdigit() and int(total) != self.file.bytes:
            raise self._replaced()

    def _same_range(self, response: Any) -> None:
        span = response.headers.get("content-range", "")
        if response.status_code == 206 and not span.startswith(f"bytes {self.done}-"):
            raise HubError(
                "unexpected_range",
                "The server sent another part of the file than was asked for.",
                "Run the same command again; what was downloaded is kept.",
                passing=True,
            )

    def _same_format(self, chunk: bytes, content_type: str) -> None:
        if self.file.filename.lower().endswith(".gguf") and not chunk.startswith(MAGIC[: len(chunk)]):
            kept = "what was downloaded is" if self.done else "nothing was"
            page = "html" in content_type or chunk.lstrip()[:1] == b"<"
            raise HubError(
                "unexpected_response",
                f"The Hub sent {'a web page' if page else 'something else'} instead of {self.file.filename}.",
                f"A proxy or a login page may be in between; {kept} kept.",
            )

    def _replaced(self) -> Replaced:
        with suppress(OSError):
            self.partial.unlink()
        return Replaced(
            "file_replaced",
            f"{self.file.filename} was replaced on the Hub while it was downloaded.",
            "Run the same command again to get the new one.",
        )

    def _digest_of(self, path: Path, digest: Digest | None = None) -> str:
        """Read a file into the digest; `done` shows how far. The digest stays open when it was handed in."""
        own = digest or Digest(self.file.etag, self.file.bytes)
        self.done = 0
        try:
            with path.open("rb", buffering=0) as source:
                while chunk := source.read(CHUNK):
                    if self.stop.is_set():
                        raise Stopped
                    own.update(chunk)
                    self.done += len(chunk)
            return "" if digest else own.finish()
        finally:
            if digest is None:
                own.close()

    def _check(self, found: str, path: Path) -> None:
        """Compare with the Hub's record; a file that differs is removed."""
        if found != self.file.etag:
            path.unlink()
            self.done = 0
            raise MullError(
                "checksum_mismatch",
                f"{self.file.filename} arrived damaged: its SHA-256 is not the one that the Hub has on record.",
                "The file was removed. Pull it again; if it happens twice, suspect the disk, the memory or a proxy.",
            )

    def _place(self) -> None:
        """Link the blob into the snapshot, and remember that it was verified."""
        link_into_snapshot(self.blob, self.link)
        if self.file.sha256:
            records.record_verified(self.link, self.file.sha256, "hub")

    def _fetch_by_xet(self) -> None:
        """Files that are too large for plain HTTP. The library takes the lock itself: it must not be held here."""

        def told(done: int) -> bool:
            self.done = done
            return not self.stop.is_set()

        if self.present() == self.file.bytes or self.link.is_file():
            return
        if xet.fetch(self.folder, self.commit, self.file, told) is None:
            raise Stopped
        self.fetched = self.file.bytes
