"""`mull tokens`: how many tokens texts have for a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from mull.commands._options import Json, Model
from mull.terminal.console.streams import Streams

if TYPE_CHECKING:
    from mull.commands._files import Attached

Files = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[FILE]...",
        help="Text files, folders or patterns; - or none is stdin.",
        show_default=False,
    ),
]


def tokens(context: typer.Context, files: Files = None, model: Model = None, json: Json = False) -> None:
    """Count the tokens of files or of stdin.

    They are counted as a text by itself, without the chat template around a question. Of the model only the vocabulary
    is loaded.
    """
    from mull.backends.token_counter import token_counter
    from mull.commands._options import TurnFlags
    from mull.commands._run_config import run_config
    from mull.config import read_config
    from mull.terminal.views.json_output import write_object

    streams: Streams = context.obj
    resolved = run_config(TurnFlags(model=model, system=""), read_config()).model.resolve()
    attached, notes = _attached(files or ["-"], streams)
    with token_counter(resolved) as count:
        counted = [
            ("-" if one.name == "standard input" else one.name, count(one.text)) for one in attached.files
        ]
    if json:
        listed = [{"name": name, "tokens": number} for name, number in counted]
        skipped = [{"name": one.path, "reason": one.why} for one in attached.skipped]
        found = {"tokens": sum(number for _, number in counted), "files": listed, "skipped": skipped}
        write_object(streams, {"v": 1, "model": resolved.name, **found, "error": None})
        return
    for note in notes:
        streams.note(note)
    streams.write_stdout(_lines(counted, named=bool(files)))
    if resolved.chosen_by == "builtin" and streams.stderr_tty:
        streams.note("Counted with pebble, the small built-in demo; -m NAME counts with another model.")


def _attached(names: Sequence[str], streams: Streams) -> tuple[Attached, list[str]]:
    """The texts under their names, and notes on them."""
    from mull.commands._files import attach

    piped, garbled = streams.read_stdin() if "-" in names else ("", False)
    attached = attach(names, piped, streams.waiting())
    notes = [*attached.notes]
    if garbled or attached.replaced:
        notes.append("Some bytes were not UTF-8 and were replaced.")
    return attached, notes


def _lines(counted: Sequence[tuple[str, int]], *, named: bool) -> str:
    """A line per text, as wc prints it; several have a total."""
    if not named:
        return "".join(f"{number}\n" for _, number in counted)
    total = sum(number for _, number in counted)
    rows = [*counted, ("total", total)] if len(counted) > 1 else counted
    width = len(str(total))
    return "".join(f"{number:>{width}} {name}\n" for name, number in rows)
