"""Removal of models and of the prompts kept for them, told in words or as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mull.commands._run_config import open_state_store
from mull.config import read_config
from mull.fs.size import size_text
from mull.models.remove import Removed, remove
from mull.terminal.console.streams import Streams
from mull.terminal.views.json_output import write_object


def remove_models(streams: Streams, names: Sequence[str], *, every: bool, json: bool) -> None:
    """Remove each and say how much room that made. Raises MullError for a name that means none."""
    settings = read_config()
    folders, state_store = [Path(folder) for folder in settings["model_folders"]], open_state_store(settings)
    for name in names:
        for removed in remove(name, every=every, folders=folders):
            freed = removed.freed + sum(entry.bytes for entry in state_store.forget(removed.name))
            if json:
                value = {"v": 1, "model": removed.name, "freed": freed, "partial": removed.partial}
                write_object(streams, {**value, "error": None})
            else:
                streams.note(_sentence(removed, freed))


def _sentence(removed: Removed, freed: int) -> str:
    what = f"The unfinished download of {removed.name}" if removed.partial else removed.name
    return f"{what} is removed; {size_text(freed)} are free again."
