"""`mull pull`: download models into the shared cache, verified; progress on stderr, the file's path on stdout."""

from __future__ import annotations

from typing import Annotated

import typer

from mull.commands._options import Json, completes
from mull.events import PullDone
from mull.fs.size import size_text
from mull.terminal.console.streams import Streams

Names = Annotated[
    list[str],
    typer.Argument(
        metavar="NAME...",
        help="A catalogue name, owner/repo[:QUANT], or a file's address on the Hub.",
        autocompletion=completes("known_models"),
    ),
]
Quant = Annotated[str | None, typer.Option("--quant", metavar="QUANT", help="The quantization, as Q4_K_M.")]
Revision = Annotated[
    str | None,
    typer.Option(
        "--revision", metavar="REV", help="A branch, tag or commit, instead of the one in the catalogue."
    ),
]
Update = Annotated[
    bool, typer.Option("--update", help="Ask the Hub for a newer file, even when the model is installed.")
]
Force = Annotated[bool, typer.Option("--force", help="Even when it does not fit this machine.")]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="No progress and no notices.")]


def pull(
    context: typer.Context,
    names: Names,
    quant: Quant = None,
    revision: Revision = None,
    update: Update = False,
    force: Force = False,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Download models. What is installed, here or by another tool, is not downloaded again.

    An interrupted download goes on where it stopped: run the same line again.
    """
    from mull.commands._download import fetch

    for name in names:
        pulled = fetch(
            name,
            context.obj,
            quant=quant,
            revision=revision,
            update=update,
            force=force,
            quiet=quiet,
            json=json,
        )
        _report(pulled, context.obj, quiet=quiet, json=json)


def _report(pulled: PullDone, streams: Streams, *, quiet: bool, json: bool) -> None:
    if json:
        from mull.terminal.views.json_output import write_object

        write_object(streams, _object(pulled))
        return
    if not quiet:
        streams.note(_sentence(pulled))
    streams.stdout.write(f"{pulled.path}\n")
    streams.stdout.flush()


def _sentence(pulled: PullDone) -> str:
    from mull.terminal.console.quantities import duration

    if pulled.already and pulled.fetched == 0:
        owner = "" if pulled.source == "hub" else f" ({pulled.source})"
        checked = "" if pulled.verified else f"; mull verify {pulled.model} checks it"
        return f"{pulled.model} is installed{owner}, {size_text(pulled.bytes)}{checked}."
    rate = f", {size_text(int(pulled.fetched / pulled.seconds))}/s" if pulled.seconds > 1 else ""
    time = duration(pulled.seconds, 0)
    return f"{pulled.model} is installed: {size_text(pulled.bytes)} in {time}{rate}, SHA-256 verified."


def _object(pulled: PullDone) -> dict[str, object]:
    return {
        "v": 1,
        "model": pulled.model,
        "path": str(pulled.path),
        "bytes": pulled.bytes,
        "fetched": pulled.fetched,
        "seconds": round(pulled.seconds, 3),
        "verified": pulled.verified,
        "already": pulled.already,
        "source": pulled.source,
        "sha256": list(pulled.sha256),
        "error": None,
    }
