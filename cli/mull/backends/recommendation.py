"""The one model that mull recommends for this machine, by name and size of its download.

In: the catalogue and this machine. Out: a `Recommendation`. Every place that names a model for this machine asks here,
and gets the same answer: it depends on the sizes of memory and devices, not on what runs now. The answer is cached, so
that it costs a start some milliseconds.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from mull.backends.load_plan import state_file, this_machine
from mull.dataclass import dataclass
from mull.errors import MullError
from mull.fs import paths
from mull.fs.file_stamp import versioned
from mull.fs.json_cache import JsonCache
from mull.fs.size import size_text
from mull.models.catalogue.catalogue import FETCHED, OWN, bundled_path, load_catalogue
from mull.models.catalogue.recommend import best
from mull.models.memory.machine import Machine

_RECORD = "recommendation.json"
_RULES = 2  # counts up when the choice is made in another way


@dataclass(frozen=True, slots=True)
class Recommendation:
    """A catalogue name, and the bytes to download."""

    name: str
    bytes: int

    @property
    def command(self) -> str:
        """The command that gets it, with the size: `mull pull NAME (4.7 GB)`."""
        return f"mull pull {self.name} ({size_text(self.bytes)})"


def recommended() -> Recommendation | None:
    """The model for this machine; None if none fits, or if the catalogue is damaged. Never raises."""
    with suppress(MullError, OSError):
        here = resting_machine()
        known = _recorded(here) or _make(here)
        if known["name"]:
            return Recommendation(known["name"], known["bytes"])
    return None


def resting_machine() -> Machine:
    """This machine as the recommendation sees it."""
    return this_machine(speed=False).at_rest()


def _make(here: Machine) -> dict[str, Any]:
    """Make the recommendation, and record it."""
    found = best(load_catalogue(paths.config_dir()).entries, here)
    name, size = "", 0
    if found is not None and (file := found[0].file) is not None:
        name, size = found[0].entry.name, file.bytes or 0
    known = {"name": name, "bytes": size}
    if (path := state_file(_RECORD)) is not None:
        JsonCache(path).put(_key(here), known)
    return known


def _recorded(here: Machine) -> dict[str, Any] | None:
    path = state_file(_RECORD)
    known = JsonCache(path).get(_key(here)) if path is not None else None
    kinds = {"name": str, "bytes": int}
    if known is None or not all(isinstance(known.get(key), kind) for key, kind in kinds.items()):
        return None
    return known


def _key(here: Machine) -> str:
    """What the recommendation depends on: the memory, the GPUs, the catalogue's files, and mull's own rules."""
    config = paths.config_dir()
    sources = [path for path in (bundled_path(), config / FETCHED, config / OWN) if path.is_file()]
    return f"{_RULES} {here} {[versioned(path) for path in sources]}"
