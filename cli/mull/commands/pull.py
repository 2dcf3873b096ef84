"""`mull pull`: download models into the shared cache, verified; progress on stderr, the file's path on stdout."""

from __future__ import annotations

from typing import Annotated

import typer

from mull.commands._options import Json, completes

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
    from mull.commands.pulling import fetch  # here, so that Tab need not wait for it

    for name in names:
        fetch(
            name,
            context.obj,
            quant=quant,
            revision=revision,
            update=update,
            force=force,
            quiet=quiet,
            json=json,
        )
