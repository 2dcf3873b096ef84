"""`mull show NAME`: a model's card."""

from __future__ import annotations

from typing import Annotated

import typer

from mull.commands._options import completes

Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="A catalogue name, owner/repo[:QUANT], or the path of a .gguf file.",
        autocompletion=completes("known_models"),
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Readme = Annotated[bool, typer.Option("--readme", help="Only the README that came with the download.")]


def show(context: typer.Context, name: Name, *, readme: Readme = False, json: Json = False) -> None:
    """Show a model's card.

    Licence, thinking, sampling, what was published, files, memory at several contexts. On a terminal the README that
    came with the download follows, in the pager.
    """
    from mull.commands.showing import show_card  # here, so that Tab need not wait for it

    show_card(context.obj, name, readme=readme, json=json)
