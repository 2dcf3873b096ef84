"""Whether a model fits this machine, checked before it is downloaded.

In: a request or a plan of `mull pull`, and this machine, measured on demand. Out: a smaller quantization where the
default one does not fit. Raises DoesNotFit, which names models that would. A file that is small compared with the free
memory passes without its header being read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property

from mull.errors import ModelFileError
from mull.events import Notice
from mull.models.catalogue.catalogue import Catalogue
from mull.models.catalogue.entry import CatalogueEntry, CatalogueFile
from mull.models.catalogue.estimate import from_entry
from mull.models.catalogue.recommend import check_fit, offer
from mull.models.hub.download_plan import DownloadPlan, DownloadRequest
from mull.models.hub.remote_header import remote_header
from mull.models.memory.fit import MemoryPlan
from mull.models.memory.layout import MemoryLayout, from_header, from_headers
from mull.models.memory.machine import Machine

CERTAIN_FIT = 4  # free memory as a multiple of the file, after PROGRAM bytes: the header need not be read
PROGRAM = 1 << 30  # bytes
CERTAIN_MISFIT = 2  # weights as a multiple of all free memory: whatever the Hub has by now, it will not fit


class FitGate:
    """The check for one machine."""

    def __init__(self, measure: Callable[[], Machine], catalogue: Catalogue) -> None:
        self._measure = measure
        self._catalogue = catalogue

    @cached_property
    def machine(self) -> Machine:
        return self._measure()

    @property
    def _memory(self) -> int:
        """Free bytes of main memory and of every device."""
        return self.machine.ram_free + sum(gpu.free for gpu in self.machine.devices)

    def advise(self, request: DownloadRequest) -> tuple[DownloadRequest, Notice] | None:
        """The request for a smaller quantization where the catalogue's default does not fit; None: no change.

        Raises DoesNotFit, without a request to the Hub, where the weights alone far exceed all free memory.
        """
        if request.asked_quant or request.entry is None:
            return None
        offered = offer(request.entry, self.machine)
        layout = from_entry(request.entry, offered.file)
        if layout is not None and layout.weights > CERTAIN_MISFIT * self._memory:
            check_fit(request.name, layout, self.machine, self._catalogue, request.entry)
        file = offered.file
        if request.pinned is None or file is None or file.quant == request.pinned.quant:
            return None
        name = f"{request.entry.name}:{file.quant}"
        text = f"{request.pinned.quant} does not fit this machine; pulling {file.quant} instead."
        smaller = replace(
            request,
            name=name,
            reference=replace(request.reference, quant=file.quant),
            pinned=file,
            revision=file.revision or request.entry.revision or "main",
        )
        return smaller, Notice("smaller", text)

    def check(self, plan: DownloadPlan, request: DownloadRequest) -> Notice | None:
        """A notice on how the model fits; None where it certainly does.

        Raises DoesNotFit, HubError, and ModelFileError for a file that is not a GGUF.
        """
        if plan.bytes * CERTAIN_FIT + PROGRAM < self.machine.ram_free:
            return None
        repository = plan.repository
        files = [(file.filename, file.bytes) for file in plan.files]
        found = check_download(
            plan.name, repository.repo, repository.commit, files, self.machine, self._catalogue, request.entry
        )
        if found is None:
            return None
        words = "fits, but will be slow" if found.verdict == "slow" else found.words
        return Notice("fit", f"{plan.name} {words}: {'; '.join(found.reasons)}.")


def check_download(
    name: str,
    repo: str,
    revision: str,
    files: Sequence[tuple[str, int]],
    machine: Machine,
    catalogue: Catalogue,
    entry: CatalogueEntry | None = None,
) -> MemoryPlan | None:
    """The memory plan for files on the Hub, `files` being (name, bytes) of the parts in order.

    None where neither their header nor the catalogue has the figures. Raises DoesNotFit, HubError, and ModelFileError
    for a file that is not a GGUF.
    """
    layout = _from_header(repo, revision, files) or _from_catalogue(entry, files)
    return check_fit(name, layout, machine, catalogue, entry) if layout else None


def _from_header(repo: str, revision: str, files: Sequence[tuple[str, int]]) -> MemoryLayout | None:
    """From the first part's header; the weights of a split model are the sizes of its parts."""
    try:
        header = remote_header(repo, files[0][0], revision)
        layout = from_header(header.metadata, []) if len(files) > 1 else from_headers([header])
    except ModelFileError as error:
        if error.code == "model_not_gguf":
            raise
        return None
    return replace(layout, weights=sum(size for _, size in files)) if len(files) > 1 else layout


def _from_catalogue(entry: CatalogueEntry | None, files: Sequence[tuple[str, int]]) -> MemoryLayout | None:
    """From the catalogue's figures and the files' real sizes."""
    if entry is None:
        return None
    file = CatalogueFile("", tuple(name for name, _ in files), sum(size for _, size in files))
    return from_entry(entry, file)
