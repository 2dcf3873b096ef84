"""`mull cache`: list and clear the prompt cache, the KV-cache states of processed prompts on disk."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from mull.commands._options import Json
from mull.errors import MullError
from mull.fs.size import size_text
from mull.terminal.console.streams import Streams
from mull.terminal.console.tables import Column, table
from mull.terminal.views.json_output import write_object

if TYPE_CHECKING:
    from mull.config import Config
    from mull.engine.kv.state_store import StateStore, StoredState

app = typer.Typer(add_completion=False, rich_markup_mode=None)

Model = Annotated[
    str | None,
    typer.Argument(metavar="[MODEL]", help="Only this model's entries, named as mull cache lists it."),
]


@app.callback()
def root() -> None:
    """List and clear the prompt cache on disk.

    mull caches on disk the KV state of long prompts: a file or a system prompt that several questions share, and the
    last state of a conversation. A cached prompt is not processed again. Without a subcommand the entries are listed,
    most recently used first.
    """


@app.command("list")
def listing(context: typer.Context, *, json: Json = False) -> None:
    """List the cached prompts, most recently used first."""
    from mull.commands._prompt_cache import open_state_store
    from mull.config import read_config

    streams: Streams = context.obj
    settings = read_config()
    state_store = open_state_store(settings)
    entries = sorted(state_store.entries(), key=lambda entry: -entry.used)
    problem = _problem(state_store, settings)
    if json:
        write_object(streams, {"v": 1, **_object(state_store, entries, enabled=not problem), "error": None})
        return
    rows = [
        (entry.model or "?", f"{len(entry.tokens):,}", size_text(entry.bytes), _when(entry.used))
        for entry in entries
    ]
    if rows:
        table(
            streams,
            (Column("Model"), Column("Tokens", 1), Column("Size", right=True), Column("Used", 2)),
            rows,
        )
    total = size_text(sum(entry.bytes for entry in entries))
    streams.note(f"{total} of at most {size_text(state_store.effective_limit())}, in {state_store.folder}")
    if problem:
        streams.note(problem)


@app.command("clear")
def clear(context: typer.Context, model: Model = None, json: Json = False) -> None:
    """Remove all cached prompts, or those of one model."""
    from mull.commands._prompt_cache import open_state_store
    from mull.config import read_config

    streams: Streams = context.obj
    state_store = open_state_store(read_config())
    if model is None:
        removed = state_store.entries()
        state_store.clear()
    elif not (removed := state_store.remove_model(model)):
        raise MullError(
            "no_cache_entry", f'No prompt of "{model}" is cached.', "mull cache lists the entries."
        )
    freed = sum(entry.bytes for entry in removed)
    if json:
        write_object(streams, {"v": 1, "removed": len(removed), "freed": freed, "error": None})
    else:
        streams.note(f"{len(removed)} removed, {size_text(freed)} freed.")


def _problem(state_store: StateStore, settings: Config) -> str:
    """Why new prompts are not cached, as a sentence; empty when they are."""
    if not settings["save"] or not settings["prefix_cache"]:
        return (
            f"Prompts are not cached: {'prefix_cache' if settings['save'] else 'save'} = false in the config."
        )
    nearest = next(
        (path for path in (state_store.folder, *state_store.folder.parents) if path.exists()), None
    )
    if nearest is None or not nearest.is_dir() or not os.access(nearest, os.W_OK):
        return f"Prompts are not cached: {nearest or state_store.folder} cannot be written."
    return ""


def _object(state_store: StateStore, entries: Sequence[StoredState], *, enabled: bool) -> dict[str, object]:
    return {
        "folder": str(state_store.folder),
        "enabled": enabled,
        "bytes": sum(entry.bytes for entry in entries),
        "limit": state_store.effective_limit(),
        "entries": [
            {"model": entry.model, "tokens": len(entry.tokens), "bytes": entry.bytes, "used": entry.used}
            for entry in entries
        ],
    }


def _when(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))
