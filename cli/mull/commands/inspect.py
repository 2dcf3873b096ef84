"""`mull inspect FILE`: what a GGUF or a chat template can do, and how its thinking is switched."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from mull.commands._argument_checks import reads_file
from mull.commands._options import ChatTemplate, EffortOption, Json, Reason
from mull.errors import UsageError
from mull.fs.text import MOST
from mull.settings import ReasoningAsk
from mull.terminal.console.streams import Streams

File = Annotated[
    str,
    typer.Argument(
        metavar="FILE", callback=reads_file, help="A .gguf, a chat template, or a tokenizer_config.json."
    ),
]
Render = Annotated[
    Path | None,
    typer.Option(
        "--render",
        metavar="MESSAGES.json",
        callback=reads_file,
        help="Print the exact prompt for these messages.",
    ),
]
Parse = Annotated[
    bool, typer.Option("--parse", help="Split a raw model output on stdin into thinking and answer, as JSON.")
]
Stats = Annotated[bool, typer.Option("--stats", help="Print the elapsed time on stderr.")]


def inspect(
    context: typer.Context,
    file: File,
    *,
    render: Render = None,
    parse: Parse = False,
    reason: Reason = None,
    effort: EffortOption = None,
    chat_template: ChatTemplate = None,
    json: Json = False,
    stats: Stats = False,
) -> None:
    """Show what a model file or a chat template can do.

    Its kind and properties, and how its thinking is switched on and off.
    """
    from mull.commands._chat_template import template_choice
    from mull.commands._inspection import Inspected, read_messages
    from mull.terminal.console.tables import card
    from mull.terminal.views.json_output import write_object

    if parse and render is not None:
        raise UsageError(
            "conflicting_options", "--parse and --render exclude each other.", "Use one of them."
        )
    streams: Streams = context.obj
    path = Path(file)
    if not path.exists():
        _check_local(file)
    began = time.perf_counter()
    ask = ReasoningAsk(on=reason, effort=effort.value if effort else None)
    inspected = Inspected.open(path, template_choice(chat_template) if chat_template else None)
    if render is not None:
        decision, segments = inspected.prompt(read_messages(render), ask)
        if decision.notice:
            streams.note(decision.notice)
        text = "".join(segment.text for segment in segments)
        streams.write_stdout(text)
    elif parse:
        data = streams.stdin_bytes(MOST)
        write_object(streams, inspected.parse(data, ask))
    elif json:
        write_object(streams, inspected.as_json())
    else:
        card(streams, inspected.as_lines())
    if stats:
        streams.stderr.write(f"{time.perf_counter() - began:.3f} s\n")


def _check_local(name: str) -> None:
    """Raise UsageError where the name is a model of an endpoint."""
    from mull.config import read_config
    from mull.models.resolve import check_local

    check_local([name], read_config().endpoints)
