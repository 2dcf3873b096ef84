"""`mull verify`: read model files and compare their SHA-256 with what was published; exit 1 when one differs."""

from __future__ import annotations

from typing import Annotated

import typer

from mull.commands._options import Json, completes

Names = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[NAME]...",
        help="Models or paths; all that are installed, if none.",
        autocompletion=completes("installed_models"),
    ),
]


def verify(context: typer.Context, names: Names = None, json: Json = False) -> None:
    """Check that weights are what was published.

    And that they have not changed on the disk since.
    """
    from mull.commands.verifying import verify_models  # here, so that Tab need not wait for it

    verify_models(context.obj, names or [], json=json)
