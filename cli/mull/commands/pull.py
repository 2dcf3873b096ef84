"""`mull pull`: download models into the Hugging Face cache and verify them; prints the path of each on stdout."""

from __future__ import annotations

from typing import Annotated

import typer

from mull.commands._options import Json, completes
from mull.fs.size import size_text
from mull.job_events import PullDone
from mull.terminal.console.streams import Streams

Names = Annotated[
    list[str],
    typer.Argument(
        metavar="NAME...",
        help="A catalogue name, owner/repo[@REV][:QUANT], or an address on the Hub.",
        autocompletion=completes("catalogue_models"),
    ),
]
Quant = Annotated[
    str | None, typer.Option("--quant", metavar="QUANT", help="The quantization, for example Q4_K_M.")
]
Revision = Annotated[
    str | None,
    typer.Option("--revision", metavar="REV", help="A branch, tag or commit instead of the catalogue's."),
]
Update = Annotated[
    bool, typer.Option("--update", help="Check the Hub for a newer version of an installed model.")
]
Force = Annotated[bool, typer.Option("--force", help="Download even if the model does not fit this machine.")]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Print no progress and no notices.")]


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
    """Download models.

    A model that is already installed, also by LM Studio, Ollama or llama.cpp, is not downloaded again. An interrupted
    download resumes when the same command is run again.
    """
    from mull.commands._download import fetch
    from mull.config import read_config
    from mull.models.resolve import check_local

    settings = read_config()
    names = [settings.expand(name) for name in names]
    check_local(names, settings.endpoints)
    for name in names:
        with settings.explaining(name):
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
    streams.write_stdout(f"{pulled.path}\n")


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
