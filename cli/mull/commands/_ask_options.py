"""The flags that only a one-shot question has, beside those of every turn: its files, its template, its form."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from mull.commands._options import Json, Jsonl, TurnFlags, completes


class FormatChoice(StrEnum):
    """The values of --format."""

    json = "json"


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
Schema = Annotated[
    str | None,
    typer.Option(
        "--schema",
        metavar="SCHEMA",
        help='Answer in JSON of this schema: a file, JSON, or fields ("name, age int, tags[]").',
    ),
]
Grammar = Annotated[
    str | None,
    typer.Option("--grammar", metavar="FILE", help="Answer in a text of this GBNF grammar."),
]
Format = Annotated[
    FormatChoice | None, typer.Option("--format", help="Answer in JSON of any kind.", show_default=False)
]
LogProbs = Annotated[
    int | None,
    typer.Option(
        "--logprobs",
        metavar="N",
        min=0,
        max=20,
        help="With --json: each answer token's log-probability, and the N likeliest.",
    ),
]
Extract = Annotated[
    bool, typer.Option("-x", "--extract", help="Print only the first fenced code block of the answer.")
]
ExtractLast = Annotated[bool, typer.Option("--extract-last", help="The same, with the last one.")]
ExtractLang = Annotated[
    str | None,
    typer.Option("--extract-lang", metavar="LANG", help="The same, with the first one marked as LANG."),
]
Output = Annotated[
    Path | None,
    typer.Option(
        "-o", "--output", metavar="FILE", help="Write the answer to a file, as a whole or not at all."
    ),
]
ThinkingFile = Annotated[
    Path | None, typer.Option("--thinking-file", metavar="FILE", help="Write the thinking to a file.")
]


@dataclass(frozen=True, slots=True)
class AskFlags(TurnFlags):
    """Everything that `ask` takes. A field is a flag: its type says how it is spelled."""

    files: Files = None
    template: Template = None
    params: Params = None
    schema: Schema = None
    grammar: Grammar = None
    format: Format = None
    logprobs: LogProbs = None
    extract: Extract = False
    extract_last: ExtractLast = False
    extract_lang: ExtractLang = None
    output: Output = None
    thinking_file: ThinkingFile = None
    json: Json = False
    jsonl: Jsonl = False

    @property
    def one_shot(self) -> bool:
        """Whether a flag was given that makes sense for a single question only."""
        shared = {f.name for f in fields(TurnFlags)}
        return any(getattr(self, f.name) != f.default for f in fields(self) if f.name not in shared)
