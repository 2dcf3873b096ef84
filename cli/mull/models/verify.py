"""Verify model files: compute their digests and compare them with the published ones.

In: an installed model. Out: a `Verification` for each file: what it was compared with, and whether it is the same.
Digests come from the cache (the Hub's, when it was downloaded), from Ollama's file name, from the catalogue, or from an
earlier reading. A verified file is trusted until it changes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from mull.control import TurnControl
from mull.dataclass import dataclass
from mull.errors import ModelFileError
from mull.job_events import DownloadProgress
from mull.models.catalogue.catalogue import Catalogue, CatalogueEntry
from mull.models.disk import records
from mull.models.disk.discover import LocalModel, blob_digest
from mull.models.resolve import entry_of

CHUNK = 4 << 20  # bytes

Against = Literal["hub", "ollama", "catalogue", "earlier", "nothing"]


@dataclass(frozen=True, slots=True)
class ExpectedDigest:
    """A digest that the file should have, and its source."""

    sha256: str
    against: Against


@dataclass(frozen=True, slots=True)
class Verification:
    """One file. `same` None: there was no digest to compare with; the computed one is recorded for the next time.

    `catalogue`: whether it is the file of the catalogue; None: the catalogue has no digest.
    """

    model: str
    path: Path
    bytes: int
    sha256: str
    against: Against
    same: bool | None
    catalogue: bool | None = None


def verify(
    model: LocalModel, catalogue: Catalogue, control: TurnControl
) -> Iterator[DownloadProgress | Verification]:
    """Read every part; `DownloadProgress` counts the bytes of the whole model. Ends early when the user stops.

    Raises ModelFileError for a file that cannot be read.
    """
    before = 0
    entry = entry_of(model, catalogue)
    for path in model.parts:
        digest, done = hashlib.sha256(), 0
        try:
            with path.open("rb", buffering=0) as file:
                while chunk := file.read(CHUNK):
                    digest.update(chunk)
                    done += len(chunk)
                    yield DownloadProgress(before + done, model.bytes, "checking")
                    if control.stopped:
                        return
        except OSError as error:
            why = error.strerror or str(error)
            raise ModelFileError("model_unreadable", f"{path} cannot be read: {why}.") from error
        before += done
        yield _judge(model, path, done, digest.hexdigest(), _pinned(model, entry))


def _judge(model: LocalModel, path: Path, size: int, found: str, pinned: str | None) -> Verification:
    known = _known(model, path, found, pinned)
    same = None if known is None else known.sha256 == found
    if same is not False:
        records.record_verified(path, found, known.against if known else "seen")
    return Verification(
        model=model.name,
        path=path,
        bytes=size,
        sha256=found,
        against=known.against if known else "nothing",
        same=same,
        catalogue=None if pinned is None else pinned == found,
    )


def _known(model: LocalModel, path: Path, found: str, pinned: str | None) -> ExpectedDigest | None:
    """The digest from where the file is; else the catalogue's, if it matches; else an earlier reading's."""
    if model.source == "ollama" and model.sha256:
        return ExpectedDigest(model.sha256, "ollama")
    if model.source == "hub" and (blob := blob_digest(path)):
        return ExpectedDigest(blob, "hub")
    record = records.recorded(path)
    if (
        record is not None and record.source == "hub"
    ):  # a system without links, where the name is not the digest
        return ExpectedDigest(record.sha256, "hub")
    if pinned == found:
        return ExpectedDigest(pinned, "catalogue")
    return ExpectedDigest(record.sha256, "earlier") if record is not None else None


def _pinned(model: LocalModel, entry: CatalogueEntry | None) -> str | None:
    """The catalogue's digest of this file; it has none for the parts of a split model."""
    if entry is None or len(model.parts) != 1:
        return None
    name = model.filename.rsplit("/", 1)[-1]
    for file in entry.files:
        if file.sha256 and (file.filenames == (model.filename,) or file.filenames[0].endswith(f"/{name}")):
            return file.sha256
    return None
