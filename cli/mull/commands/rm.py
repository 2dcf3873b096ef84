"""`mull rm`: remove downloaded models and their cached prompts, and report the freed space."""

from __future__ import annotations

from typing import Annotated

import typer

from mull.commands._options import Json, completes
from mull.fs.size import size_text
from mull.terminal.console.streams import Streams

Names = Annotated[
    list[str],
    typer.Argument(
        metavar="NAME...",
        help="A model's name, as mull list shows it.",
        autocompletion=completes("installed_models"),
    ),
]
Every = Annotated[bool, typer.Option("--all", help="Remove all installed quantizations of the model.")]


def rm(context: typer.Context, names: Names, every: Every = False, json: Json = False) -> None:
    """Remove downloaded models and their cached prompts.

    Files that belong to LM Studio, Ollama or llama.cpp are never touched.
    """
    from mull.commands._prompt_cache import open_state_store
    from mull.config import read_config
    from mull.keep_alive.stopping import stop_removed
    from mull.models.remove import remove
    from mull.models.resolve import check_local
    from mull.terminal.views.json_output import write_object

    streams: Streams = context.obj
    settings = read_config()
    names = [settings.expand(name) for name in names]
    check_local(names, settings.endpoints)
    state_store = open_state_store(settings)
    for name in names:
        with settings.explaining(name):
            all_removed = remove(name, every=every, folders=settings.model_folders())
        for removed in all_removed:
            stop_removed(removed.name)
            freed = removed.freed + sum(entry.bytes for entry in state_store.remove_model(removed.name))
            if json:
                value = {"v": 1, "model": removed.name, "freed": freed, "partial": removed.partial}
                write_object(streams, {**value, "error": None})
            else:
                what = f"the unfinished download of {removed.name}" if removed.partial else removed.name
                streams.note(f"Removed {what}; {size_text(freed)} freed.")
