"""`mull stop`: end the servers that keep models loaded."""

from __future__ import annotations

from typing import Annotated

import typer

from mull.commands._options import Json, completes
from mull.terminal.console.streams import Streams

Model = Annotated[
    str | None,
    typer.Argument(
        metavar="[MODEL]",
        help="This model only, or one process of it by its PID, as mull ps lists them.",
        autocompletion=completes("kept_models"),
        show_default=False,
    ),
]


def stop(context: typer.Context, model: Model = None, json: Json = False) -> None:
    """Free the memory of models that are kept loaded.

    Without a name, of all. An answer that is being generated is cut. The next question loads the model again.
    """
    from mull.config import read_config
    from mull.errors import MullError
    from mull.keep_alive import record, stopping
    from mull.terminal.views.json_output import write_object

    streams: Streams = context.obj
    wanted = record.running() if model is None else stopping.named(read_config().expand(model))
    left = [server for server in wanted if not stopping.stop(server)]
    if left:
        raise MullError(
            "stop_failed",
            f"{left[0].model} cannot be stopped: process {left[0].pid} does not end.",
            "Look at that process: it may wait for a disk or a driver.",
        )
    if json:
        names = [server.model for server in wanted]
        pids = [server.pid for server in wanted]
        write_object(streams, {"v": 1, "stopped": names, "pids": pids, "error": None})
    elif wanted:
        count = "1 process" if len(wanted) == 1 else f"{len(wanted)} processes"
        streams.note(f"{count} ended: {', '.join(f'{one.model} ({one.pid})' for one in wanted)}.")
    else:
        streams.note("No model is kept loaded.")
