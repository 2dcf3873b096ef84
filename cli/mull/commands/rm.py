"""`mull rm`: remove downloaded models and say how much room that made."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mull.commands.merge import prefix_shelf, read_config
from mull.commands.options import Json, completes
from mull.library.remove import Removed, remove
from mull.terminal.result import write_object
from mull.terminal.streams import Streams
from mull.transfers import size_text

Names = Annotated[
    list[str],
    typer.Argument(
        metavar="NAME...", help="A model as mull list names it.", autocompletion=completes("installed_models")
    ),
]
Every = Annotated[bool, typer.Option("--all", help="All quantizations of it that are installed.")]


def rm(context: typer.Context, names: Names, every: Every = False, json: Json = False) -> None:
    """Remove downloaded models and the prompts kept for them.

    Files of LM Studio, Ollama or llama.cpp are never touched.
    """
    streams: Streams = context.obj
    settings = read_config()
    folders, shelf = [Path(folder) for folder in settings["model_folders"]], prefix_shelf(settings)
    for name in names:
        for removed in remove(name, every=every, folders=folders):
            freed = removed.freed + sum(entry.bytes for entry in shelf.forget(removed.name))
            if json:
                value = {"v": 1, "model": removed.name, "freed": freed, "partial": removed.partial}
                write_object(streams, {**value, "error": None})
            else:
                streams.note(_sentence(removed, freed))


def _sentence(removed: Removed, freed: int) -> str:
    what = f"The unfinished download of {removed.name}" if removed.partial else removed.name
    return f"{what} is removed; {size_text(freed)} are free again."
