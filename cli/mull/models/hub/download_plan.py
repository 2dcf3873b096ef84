"""Which files to download: a name becomes a request, and a request and a repository's listing become a plan.

In: a catalogue name or a Hub reference, and the listing. Out: the files in order. Raises MullError that lists the
choices. The catalogue's file is looked up by its name, then by its quantization, since repositories rename files.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mull.dataclass import dataclass
from mull.errors import MullError, UsageError
from mull.events import Notice
from mull.fs.size import size_text
from mull.models.catalogue.catalogue import Catalogue, CatalogueEntry, CatalogueFile
from mull.models.hub.listing import RemoteFile, Repository
from mull.models.naming.filenames import group_parts, is_beside, quantization, same_quant, select, whole_name
from mull.models.naming.reference import DEFAULT_QUANT, HubReference, is_path, parse_hub
from mull.models.resolve import split_name, unknown


@dataclass(frozen=True, slots=True)
class DownloadRequest:
    """What to download. `pinned`: the catalogue's record of the file at `revision`.

    `chosen_revision`, `asked_quant`: the user named the revision, the quantization.
    """

    name: str
    reference: HubReference
    entry: CatalogueEntry | None = None
    pinned: CatalogueFile | None = None
    revision: str = "main"
    chosen_revision: bool = False
    asked_quant: bool = False


@dataclass(frozen=True, slots=True)
class DownloadPlan:
    """The files to download, in order, from one commit."""

    name: str
    repository: Repository
    files: tuple[RemoteFile, ...]
    notices: tuple[Notice, ...] = ()

    @property
    def bytes(self) -> int:
        return sum(file.bytes for file in self.files)


def parse_request(
    name: str, quant: str | None, revision: str | None, catalogue: Catalogue, folders: Sequence[Path] = ()
) -> DownloadRequest:
    """The request that a name means. Raises UsageError and MullError("unknown_model")."""
    name = name.strip()
    entry, named_quant = split_name(name, catalogue)
    if quant and named_quant and not same_quant(quant, named_quant):
        raise UsageError(
            "conflicting_options", f"{name} and --quant {quant} contradict each other.", "Name one."
        )
    quant = quant or named_quant
    if entry is not None:
        return _request_of(entry, quant, revision)
    reference = None if is_path(name) and Path(name).expanduser().exists() else parse_hub(name)
    if reference is None:
        if is_path(name):
            raise UsageError(
                "path_instead_of_name", f"{name} is a path.", "mull pull takes names; load a file with -m."
            )
        raise unknown(name, catalogue, folders)
    if quant and reference.quant and not same_quant(quant, reference.quant):
        raise UsageError(
            "conflicting_options", f"{name} and --quant {quant} contradict each other.", "Name one."
        )
    asked = revision or reference.revision
    reference = HubReference(reference.repo, quant or reference.quant, reference.file)
    return DownloadRequest(
        str(reference), reference, revision=asked or "main", chosen_revision=asked is not None
    )


def _request_of(entry: CatalogueEntry, quant: str | None, revision: str | None) -> DownloadRequest:
    if entry.builtin:
        raise UsageError("builtin_model", f"{entry.name} is built in.", "There is nothing to pull.")
    name = entry.name if quant is None else f"{entry.name}:{quant}"
    if entry.repo is None:
        raise MullError(
            "no_gguf", f"The catalogue lists no GGUF of {entry.name}.", f"mull show {entry.name} says more."
        )
    pinned = entry.file(quant)
    at = revision or (pinned and pinned.revision) or entry.revision or "main"
    reference = HubReference(entry.repo, quant or entry.default_quant)
    pinned = pinned if revision is None else None
    return DownloadRequest(name, reference, entry, pinned, at, revision is not None, quant is not None)


def choose(repository: Repository, request: DownloadRequest) -> tuple[RemoteFile, ...]:
    """The files that were requested. Raises MullError with the choices where the request is ambiguous."""
    models = group_parts(file.filename for file in repository.files)
    pinned = request.pinned.filenames if request.pinned else ()
    if pinned and all(repository.file(name) for name in pinned):
        return _files(repository, pinned)
    if request.reference.file:
        found = select(models, request.reference.file)
        if not found:
            raise _no_such_file(repository, request, models)
        return _files(repository, found[0])
    if not models:
        raise _no_weights(repository)
    models = [parts for parts in models if not is_beside(parts[0])] or models
    if request.reference.quant:
        found = select(models, request.reference.quant)
        if not found:
            raise _ambiguous(
                request, repository, models, f"{repository.repo} has no {request.reference.quant}."
            )
    elif len(models) == 1:
        found = models
    else:
        found = select(models, DEFAULT_QUANT)
    if len(found) != 1:
        what = (
            f"{repository.repo} has several models"
            if len(found) > 1
            else f"{repository.repo} has several files"
        )
        raise _ambiguous(request, repository, found or models, f"{what}; say which one.")
    return _files(repository, found[0])


def _files(repository: Repository, names: Sequence[str]) -> tuple[RemoteFile, ...]:
    return tuple(file for name in names if (file := repository.file(name)) is not None)


def _ambiguous(
    request: DownloadRequest, repository: Repository, models: Sequence[tuple[str, ...]], message: str
) -> MullError:
    """The error that lists the choices, each as the word that selects it, with its size."""
    quants = [quantization(parts[0]) for parts in models]
    choices = []
    for parts, quant in zip(models, quants, strict=True):
        word = quant if quant and quants.count(quant) == 1 else whole_name(parts[0]).removesuffix(".gguf")
        size = sum(file.bytes for file in _files(repository, parts))
        choices.append((size, f"{word} ({size_text(size)})"))
    listed = ", ".join(text for _, text in sorted(choices))
    base = request.entry.name if request.entry else repository.repo
    return MullError("ambiguous_quantization", message, f"{base}: {listed}. Choose with --quant.")


def _no_such_file(
    repository: Repository, request: DownloadRequest, models: Sequence[tuple[str, ...]]
) -> MullError:
    if request.reference.file in repository.refused:
        return _unsafe(repository)
    return _ambiguous(request, repository, models, f"{repository.repo} has no file {request.reference.file}.")


def _no_weights(repository: Repository) -> MullError:
    if any(name.lower().endswith(".gguf") for name in repository.refused):
        return _unsafe(repository)
    return MullError(
        "no_gguf",
        f"{repository.repo} has no GGUF file.",
        f"Look for a quantized copy: mull models search {repository.repo.split('/')[1]}",
    )


def _unsafe(repository: Repository) -> MullError:
    return MullError(
        "unsafe_filename",
        f"{repository.repo} has a file name that is not safe as a path; it is not downloaded.",
        "Do not trust this repository.",
    )
