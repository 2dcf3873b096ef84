"""`mull cache`: the processed prompts that are kept on disk, and removing them."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from mull.commands._options import Json
from mull.commands._run_config import open_state_store
from mull.config import Config, read_config
from mull.errors import UsageError
from mull.fs.size import size_text
from mull.terminal.console.streams import Streams
from mull.terminal.console.tables import table
from mull.terminal.views.json_output import write_object

if TYPE_CHECKING:
    from mull.engine.kv.state_store import StateStore, StoredState

app = typer.Typer(add_completion=False, rich_markup_mode=None)

Model = Annotated[
    str | None, typer.Argument(metavar="[MODEL]", help="Only this model's, as mull cache names it.")
]


@app.callback(invoke_without_command=True)
def root(context: typer.Context, json: Json = False) -> None:
    """List and clear the prompt cache on disk.

    A file or a system prompt that several questions share, and conversations to go on with, are kept on disk as the
    model has read them. Alone it lists them, the last used first.
    """
    if context.invoked_subcommand is not None:
        return
    streams: Streams = context.obj
    settings = read_config()
    state_store = open_state_store(settings)
    entries = sorted(state_store.entries(), key=lambda entry: -entry.used)
    state = _state(state_store, settings)
    if json:
        write_object(streams, {"v": 1, **_object(state_store, entries, enabled=not state), "error": None})
        return
    rows = [
        (entry.model or "?", f"{len(entry.tokens):,}", size_text(entry.bytes), _when(entry.used))
        for entry in entries
    ]
    if rows:
        table(streams, ("Model", "Tokens", "Size", "Used"), rows)
    held = size_text(sum(entry.bytes for entry in entries)) if rows else "Nothing is kept"
    streams.note(f"{held}, at most {size_text(state_store.effective_limit())}, in {state_store.folder}")
    if state:
        streams.note(state)


@app.command("clear")
def clear(context: typer.Context, model: Model = None, json: Json = False) -> None:
    """Remove them all, or those of one model."""
    streams: Streams = context.obj
    state_store = open_state_store(read_config())
    if model is None:
        gone = state_store.entries()
        state_store.clear()
    elif not (gone := state_store.remove_model(model)):
        raise UsageError(
            "no_cache_entry", f'Nothing is kept of "{model}".', "mull cache lists what there is."
        )
    freed = sum(entry.bytes for entry in gone)
    if json:
        write_object(streams, {"v": 1, "removed": len(gone), "freed": freed, "error": None})
    else:
        streams.note(f"{len(gone)} removed; {size_text(freed)} are free again.")


def _state(state_store: StateStore, settings: Config) -> str:
    """Why nothing new is kept; empty when it is."""
    if not settings["save"] or not settings["prefix_cache"]:
        return f"Switched off: {'prefix_cache' if settings['save'] else 'save'} = false in the config."
    place = next((path for path in (state_store.folder, *state_store.folder.parents) if path.exists()), None)
    if place is None or not place.is_dir() or not os.access(place, os.W_OK):
        return f"Nothing can be kept: {place or state_store.folder} cannot be written."
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
