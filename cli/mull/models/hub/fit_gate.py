"""May this model be downloaded here, and in which quantization? The gate between a wish and its first byte.

In: a wish or a plan of `mull pull`, and this machine (measured only when it is asked for). Out: a smaller quantization
where the usual one does not fit, or `DoesNotFit` with what would. What is small beside the free memory passes unasked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property

from mull.events import Notice
from mull.models.catalogue.catalogue import Catalogue
from mull.models.catalogue.recommend import check_fit, offer
from mull.models.hub.download_plan import DownloadPlan, Wish
from mull.models.memory.layout import from_entry
from mull.models.memory.load_settings import before_download
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
