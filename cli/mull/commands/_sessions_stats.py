"""`mull sessions stats`: how many conversations, turns and tokens there are, by model, and what room they take."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import typer

from mull.commands._options import Json
from mull.fs.size import size_text
from mull.terminal.console.dates import ago, both, moment_text
from mull.terminal.console.streams import Streams
from mull.terminal.console.style import Styled
from mull.terminal.console.tables import Column, card, table
from mull.terminal.views.json_output import write_object

if TYPE_CHECKING:
    from mull.store.sessions import Store
    from mull.store.statistics import Statistics

_HEADS = (
    Column("Model"),
    Column("Turns"),
    Column("Thinking", 1),
    Column("Answers", 2),
    Column("Prompts", 3),
    Column("Last answer", 4),
)


def stats(context: typer.Context, *, json: Json = False) -> None:
    """Count sessions, turns and tokens, by model.

    Tokens of prompts count what was sent with each question, so a long conversation counts its beginning many times.
    """
    from mull.commands._session_text import open_store_noted

    streams: Streams = context.obj
    with open_store_noted(streams) as store:
        found = store.statistics()
        if json:
            write_object(streams, _object(store, found))
            return
        if not found.sessions:
            streams.note("No conversation has been saved yet.")
            return
        card(streams, _rows(store, found))
    if streams.stdout_tty:
        streams.write("\n")
    table(
        streams,
        _HEADS,
        [
            (
                Styled(one.model or "(none)", "accent"),
                f"{one.turns:,}",
                f"{one.thinking:,}",
                f"{one.answer:,}",
                f"{one.prompt:,}",
                Styled(ago(one.used) if streams.stdout_tty else moment_text(one.used), "muted"),
            )
            for one in found.models
        ],
    )


def _rows(store: Store, found: Statistics) -> list[tuple[str, str]]:
    details = [
        f"{found.named:,} with a name" if found.named else "",
        f"{found.empty} empty" if found.empty else "",
    ]
    sessions = ", ".join([f"{found.sessions:,}", *filter(None, details)])
    cut = found.total("cut")
    turns = f"{found.total('turns'):,}" + (f", {cut:,} without a complete answer" if cut else "")
    tokens = f"{found.total('thinking'):,} thinking, {found.total('answer'):,} answers"
    rows = [("Sessions", sessions), ("Turns", turns), ("Tokens", tokens)]
    if found.oldest is not None and found.newest is not None:
        rows += [("First begun", both(found.oldest)), ("Last used", both(found.newest))]
    size = f"{size_text(store.bytes)}, {found.characters:,} characters of text"
    return [*rows, ("Size", size), ("File", str(store.path))]


def _object(store: Store, found: Statistics) -> dict[str, Any]:
    names = ("turns", "cut", "prompt", "thinking", "answer")
    values = dataclasses.asdict(found)
    models = values.pop("models")
    totals = {name: found.total(name) for name in names}
    path = str(store.path)
    return {"v": 1, **values, **totals, "bytes": store.bytes, "path": path, "models": models, "error": None}
