"""May this model be downloaded here, and in which quantization? The gate between a wish and its first byte.

In: a wish or a plan of `mull pull`, and this machine (measured only when it is asked for). Out: a smaller quantization
where the usual one does not fit, or `DoesNotFit` with what would. What is small beside the free memory passes unasked.
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
from mull.models.hub.download_plan import DownloadPlan, Wish
from mull.models.hub.remote_header import remote_header
from mull.models.memory.fit import MemoryPlan
from mull.models.memory.layout import MemoryLayout, from_header, from_headers
from mull.models.memory.machine import Machine

SURELY = 4  # times the file in free memory (and the rest that a program needs): nobody has to read the header
REST = 1 << 30  # bytes
HOPELESS = 2  # times all free memory in weights: whatever the Hub has by now, it will not fit


class FitGate:
    """The judgement of one machine."""

    def __init__(self, measure: Callable[[], Machine], catalogue: Catalogue) -> None:
        self._measure = measure
        self._catalogue = catalogue

    @cached_property
    def machine(self) -> Machine:
        return self._measure()

    @property
    def _memory(self) -> int:
        """Bytes that are free, of main memory and of every device."""
        return self.machine.ram_free + sum(gpu.free for gpu in self.machine.devices)

    def advise(self, wish: Wish) -> tuple[Wish, Notice] | None:
        """Where the catalogue's usual file does not fit, the wish for one that does; None: nothing better is known.

        Raises DoesNotFit, without asking anybody, where the weights alone are far more than all the memory there is.
        """
        if wish.asked_quant or wish.entry is None:
            return None
        offered = offer(wish.entry, self.machine)
        layout = from_entry(wish.entry, offered.file)
        if layout is not None and layout.weights > HOPELESS * self._memory:
            check_fit(wish.name, layout, self.machine, self._catalogue, wish.entry)
        file = offered.file
        if wish.pinned is None or file is None or file.quant == wish.pinned.quant:
            return None
        name = f"{wish.entry.name}:{file.quant}"
        text = f"{wish.pinned.quant} does not fit this machine; pulling {file.quant} instead."
        smaller = replace(
            wish,
            name=name,
            reference=replace(wish.reference, quant=file.quant),
            pinned=file,
            revision=file.revision or wish.entry.revision or "main",
        )
        return smaller, Notice("smaller", text)

    def check(self, plan: DownloadPlan, wish: Wish) -> Notice | None:
        """How it will fit, where that does not go without saying.

        Raises DoesNotFit, HubError, and ModelFileError for what is no GGUF.
        """
        if plan.bytes * SURELY + REST < self.machine.ram_free:
            return None
        repository = plan.repository
        files = [(file.filename, file.bytes) for file in plan.files]
        found = before_download(
            plan.name, repository.repo, repository.commit, files, self.machine, self._catalogue, wish.entry
        )
        if found is None:
            return None
        words = "fits, but will be slow" if found.verdict == "slow" else found.words
        return Notice("fit", f"{plan.name} {words}: {'; '.join(found.reasons)}.")


def before_download(
    name: str,
    repo: str,
    revision: str,
    files: Sequence[tuple[str, int]],
    machine: Machine,
    catalogue: Catalogue,
    entry: CatalogueEntry | None = None,
) -> MemoryPlan | None:
    """The plan for files on the Hub, `files` being (name, bytes) of the parts in order.

    None where neither their header nor the catalogue tells enough. Raises DoesNotFit, HubError, and ModelFileError
    for what is no GGUF.
    """
    layout = _remote(repo, revision, files) or _known(entry, files)
    return check_fit(name, layout, machine, catalogue, entry) if layout else None


def _remote(repo: str, revision: str, files: Sequence[tuple[str, int]]) -> MemoryLayout | None:
    """From the first part's header; the weights of a split model are the sizes of its parts."""
    try:
        header = remote_header(repo, files[0][0], revision)
        layout = from_header(header.metadata, []) if len(files) > 1 else from_headers([header])
    except ModelFileError as error:
        if error.code == "model_not_gguf":
            raise
        return None
    return replace(layout, weights=sum(size for _, size in files)) if len(files) > 1 else layout


def _known(entry: CatalogueEntry | None, files: Sequence[tuple[str, int]]) -> MemoryLayout | None:
    """From the catalogue's figures and the files' real sizes."""
    if entry is None:
        return None
    file = CatalogueFile("", tuple(name for name, _ in files), sum(size for _, size in files))
    return from_entry(entry, file)
