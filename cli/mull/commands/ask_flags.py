"""The flags that only a one-shot question has, beside those of every turn: its files, its template, its form."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Annotated

import typer

from mull.commands.options import Json, Jsonl, TurnFlags, completes

Files = Annotated[
    list[str] | None,
    typer.Option("-f", "--file", metavar="FILE", help="A text file to hand over (repeatable; - is stdin)."),
]
Template = Annotated[
    str | None,
    typer.Option(
        "-t",
        "--template",
        metavar="NAME",
        help="Ask with a prompt template (mull templates).",
        autocompletion=completes("templates"),
    ),
]
Params = Annotated[
    list[str] | None,
    typer.Option("-p", "--param", metavar="NAME=VALUE", help="A value for the template (repeatable)."),
]


@dataclass(frozen=True, slots=True)
class AskFlags(TurnFlags):
    """Everything that `ask` takes. A field is a flag: its type says how it is spelled."""

    files: Files = None
    template: Template = None
    params: Params = None
    json: Json = False
    jsonl: Jsonl = False

    @property
    def one_shot(self) -> bool:
        """Whether a flag was given that makes sense for a single question only."""
        shared = {f.name for f in fields(TurnFlags)}
        return any(getattr(self, f.name) != f.default for f in fields(self) if f.name not in shared)
