"""The header of a GGUF on the Hub, read without downloading the model.

In: repository, file name, revision. Out: a `Header`, read from the first megabytes by HTTP range requests on demand: at
most three (and one redirect) and 15 MiB in all, also from a server that ignores ranges. Raises HubError, and
ModelFileError for a header longer than that.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any, BinaryIO, cast

from mull.errors import ModelFileError
from mull.models.gguf.header import Header, read_header
from mull.models.hub.client import headers, session
from mull.models.hub.endpoint import endpoint, is_hub
from mull.models.hub.failures import explain
from mull.models.hub.refusals import from_file_server

MIB = 1 << 20
STEPS = (3 * MIB, 5 * MIB, 7 * MIB)  # a vocabulary of 150,000 tokens with its merges takes about 6 MB
LONGEST = sum(STEPS)


class RangeFile(io.RawIOBase):
    """The beginning of a remote file as a seekable file object. `total`: bytes of the whole file, after a request."""

    def __init__(self, session: Any, url: str, headers: Mapping[str, str]) -> None:
        super().__init__()
        self._session = session
        self._url = self._hub_url = url
        self._headers = dict(headers)
        self._had_fresh_link = False
        self._data = bytearray()
        self._position = 0
        self._ended = False
        self.requests = 0
        self.total: int | None = None

    @property
    def fetched(self) -> int:
        """Bytes received so far."""
        return len(self._data)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_CUR:
            offset += self._position
        elif whence == io.SEEK_END:
            self._need(1)
            offset += self.total or len(self._data)
        self._position = max(0, offset)
        return self._position

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes. Raises ModelFileError beyond what may be fetched."""
        end = LONGEST if size < 0 else self._position + size
        self._need(end)
        data = bytes(self._data[self._position : end])
        self._position += len(data)
        return data

    def readinto(self, buffer: Any) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def _need(self, end: int) -> None:
        while len(self._data) < end and not self._ended:
            if self.requests == len(STEPS):
                raise ModelFileError(
                    "header_too_long",
                    f"The header of this file is longer than {LONGEST // MIB} MiB.",
                    "The file on the Hub is probably damaged.",
                )
            self._fetch(STEPS[self.requests])

    def _fetch(self, size: int) -> None:
        """Request the next bytes; where the file server refuses, once more by a fresh link of the Hub."""
        from huggingface_hub.errors import HfHubHTTPError

        self.requests += 1
        try:
            self._request(size)
        except HfHubHTTPError as error:
            if self._had_fresh_link or not from_file_server(error.response):
                raise
            self._had_fresh_link = True
            self._url = self._hub_url
            self._request(size)

    def _request(self, size: int) -> None:
        start = len(self._data)
        headers = {
            **self._headers,
            "Range": f"bytes={start}-{start + size - 1}",
            "Accept-Encoding": "identity",
        }
        with self._session.stream("GET", self._url, headers=headers, follow_redirects=True) as response:
            if response.status_code == 416:  # the file ends exactly here
                self._ended = True
                return
            if response.status_code >= 400:
                from huggingface_hub import hf_raise_for_status

                hf_raise_for_status(response)
            whole = (
                response.status_code == 200
            )  # a server that ignores ranges sends the file from its beginning
            skip = start if whole else 0
            for chunk in response.iter_bytes():
                self._data += chunk[skip:]
                skip = max(0, skip - len(chunk))
                if len(self._data) >= start + size:
                    break
            if response.history:  # later requests go to the redirect's target directly
                self._url = str(response.url)
                if not all(is_hub(hop.url) for hop in (*response.history, response)):
                    self._headers.pop("authorization", None)  # the Hub itself did not choose where they go
            self.total = _total(response, whole) or self.total
        if len(self._data) < start + size or len(self._data) >= (self.total or LONGEST + 1):
            self._ended = True


def open_remote(repo: str, filename: str, revision: str | None = None) -> RangeFile:
    """The beginning of a file on the Hub, requested on the first read. HF_ENDPOINT and HF_TOKEN apply."""
    hub = endpoint()
    from huggingface_hub import constants, hf_hub_url
    from huggingface_hub.errors import OfflineModeIsEnabled

    if constants.is_offline_mode():
        raise OfflineModeIsEnabled("HF_HUB_OFFLINE is set")
    url = hf_hub_url(repo, filename, revision=revision, endpoint=hub)
    return RangeFile(session(), url, headers())


def remote_header(repo: str, filename: str, revision: str | None = None) -> Header:
    """The header of a file on the Hub. Raises HubError, and ModelFileError for a file that is damaged or not a GGUF."""
    try:
        return read_header(cast("BinaryIO", open_remote(repo, filename, revision)))
    except ModelFileError:
        raise
    except Exception as error:
        explained = explain(error, repo, revision or "main", listed=True)
        if explained is None or explained is error:
            raise
        raise explained from error


def _total(response: Any, whole: bool) -> int | None:
    if whole:
        length = response.headers.get("Content-Length", "")
        return int(length) if length.isdigit() else None
    size = response.headers.get("Content-Range", "").rpartition("/")[2]
    return int(size) if size.isdigit() else None
