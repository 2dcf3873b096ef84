"""`mull ps`: list the models that are kept loaded."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import typer

from mull.commands._options import Json
from mull.terminal.console.streams import Streams

if TYPE_CHECKING:
    from mull.keep_alive.record import KeptServer


def ps(context: typer.Context, json: Json = False) -> None:
    """List the models that are kept loaded.

    Each with its process, its memory, the time until it leaves, and the settings it was loaded with.
    keep_alive in the config, or --keep-alive 5m, keeps a model loaded after its answer. mull stop ends it.
    """
    from mull.fs.size import size_text
    from mull.keep_alive import process, record
    from mull.terminal.console.tables import Column, table
    from mull.terminal.views.json_output import write_object

    streams: Streams = context.obj
    servers = record.running()
    if json:
        write_object(streams, {"v": 1, "servers": [_object(server) for server in servers], "error": None})
        return
    now = time.time()
    rows = [
        (
            server.model,
            server.pid,
            "?" if (held := process.memory(server.pid)) is None else size_text(held),
            f"{_span(now - server.since)} ago",
            "stopped" if server.state == "stopped" else f"in {_span(server.until - now)}",
            server.settings_text,
        )
        for server in servers
    ]
    if rows:
        heads = ("Model", Column("PID", 1), "Memory", Column("Since", 3), "Until", Column("Settings", 2))
        table(streams, heads, rows)
    elif streams.stdout_tty:
        streams.note("No model is kept loaded. keep_alive in the config, or --keep-alive 5m, does that.")


def _object(server: KeptServer) -> dict[str, object]:
    from mull.keep_alive import process

    return {
        "model": server.model,
        "path": server.path,
        "pid": server.pid,
        "memory": process.memory(server.pid),
        "since": server.since,
        "until": server.until,
        "state": server.state,
        "version": server.version,
        "settings": dict(server.settings),
    }


def _span(seconds: float) -> str:
    """A time in one unit: `48 s`, `4 min`, `2 h`, `3 d`."""
    seconds = max(seconds, 0.0)
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
