"""`mull rm`: remove downloaded models and say how much room that made."""

from __future__ import annotations

from typing import Annotated

import typer

from mull.commands._options import Json, completes

Names = Annotated[
    list[str],
    typer.Argument(
        metavar="NAME...", help="A model as mull list names it.", autocompletion=completes("installed_models")
    ),
]
Every = Annotated[bool, typer.Option("--all", help="All quantizations of it that are installed.")]


def rm(context: typer.Context, names: Names, every: Every = False, json: Json = False) -> None:
    """Remove downloaded models and the prompts kept for them.

    Files of LM Studio, Ollama or llama.cpp are never touched.
    """
    from mull.commands.removing import remove_models  # here, so that Tab need not wait for it

    remove_models(context.obj, names, every=every, json=json)
