"""Every model that mull knows here, from the catalogue and the disk, judged for this machine: for models and show."""

from __future__ import annotations

from mull.backends.load_plan import state_file
from mull.config import read_config
from mull.models.catalogue.catalogue import Catalogue
from mull.models.disk.discover import installed
from mull.models.inventory import InventoryItem, list_models
from mull.models.memory.layout_cache import LayoutCache
from mull.models.memory.machine import Machine

HEADER_SECONDS = (
    0.2  # to read headers that are not cached; files beyond that are judged by size until the next call
)


def all_rows(catalogue: Catalogue, machine: Machine) -> list[InventoryItem]:
    """One row per model. Saves the headers it read, so that the next call is quicker."""
    layouts = LayoutCache(state_file("layouts.json"), HEADER_SECONDS)
    rows = list_models(catalogue, installed(read_config().model_folders()), machine, layouts)
    layouts.save()
    return rows
