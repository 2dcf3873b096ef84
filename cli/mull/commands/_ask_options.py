"""The flags of a one-shot question alone: its input, the constraint on its answer, where the output goes."""

from __future__ import annotations

from dataclasses import fields
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Protocol

import typer

from mull.commands._argument_checks import reads_file, to_stdout, writes_file
from mull.commands._options import Json, Jsonl, TurnFlags, completes
from mull.dataclass import dataclass

if TYPE_CHECKING:
    from mull.settings import AnswerFormat


class FormatChoice(StrEnum):
    """The values of --format."""

    json = "json"


Files = Annotated[
    list[str] | None,
    typer.Option(
        "-f",
        "--file",
        metavar="FILE",
        help="Attach a text file, or those of a folder or of '*.py' (repeatable; - is stdin).",
    ),
]
Template = Annotated[
    str | None,
    typer.Option(
        "-t",
        "--template",
        metavar="NAME",
        help="Use a prompt template (mull templates).",
        autocompletion=completes("templates"),
    ),
]
Params = Annotated[
    list[str] | None,
    typer.Option("-p", "--param", metavar="NAME=VALUE", help="A value for the template (repeatable)."),
]
Prefill = Annotated[
    str | None,
    typer.Option(
        "--prefill", metavar="TEXT", help="Begin the answer with this text; the model does not think."
    ),
]
Schema = Annotated[
    str | None,
    typer.Option(
        "--schema",
        metavar="SCHEMA",
        callback=reads_file,
        help='Constrain the answer to JSON of this schema: a file, JSON, or fields ("name, age int, tags[]").',
    ),
]
Regex = Annotated[
    str | None,
    typer.Option(
        "--regex",
        metavar="RE",
        help="Constrain the answer to what this regular expression matches as a whole.",
    ),
]
Choice = Annotated[
    str | None,
    typer.Option(
        "--choice",
        metavar="A,B,…",
        help="Constrain the answer to one of these, printed as it is; a JSON list where one has a comma.",
    ),
]
Grammar = Annotated[
    str | None,
    typer.Option(
        "--grammar", metavar="FILE", callback=reads_file, help="Constrain the answer to this GBNF grammar."
    ),
]
Lark = Annotated[
    str | None,
    typer.Option(
        "--lark",
        metavar="FILE",
        callback=reads_file,
        help="Constrain the answer to this grammar in Lark's notation.",
    ),
]
Format = Annotated[
    FormatChoice | None,
    typer.Option("--format", help="Constrain the answer to JSON.", show_default=False),
]
SchemaPrompt = Annotated[
    bool | None,
    typer.Option(
        "--schema-prompt/--no-schema-prompt",
        help="Tell the model the schema or the choices, in the system prompt. Unset: from 1 billion parameters on.",
        show_default=False,
    ),
]
LogProbs = Annotated[
    int | None,
    typer.Option(
        "--logprobs",
        metavar="N",
        min=0,
        max=20,
        help="Add each answer token's log probability to JSON output, and those of the N most likely tokens.",
    ),
]
Extract = Annotated[
    bool, typer.Option("-x", "--extract", help="Print only the first fenced code block of the answer.")
]
ExtractLast = Annotated[bool, typer.Option("--extract-last", help="Print only the last one.")]
ExtractLang = Annotated[
    str | None,
    typer.Option("--extract-lang", metavar="LANG", help="Print only the first one in this language."),
]
Output = Annotated[
    Path | None,
    typer.Option(
        "-o",
        "--output",
        metavar="FILE",
        callback=to_stdout,
        help="Write the answer to a file, completely or not at all.",
    ),
]
ThinkingFile = Annotated[
    Path | None,
    typer.Option(
        "--thinking-file", metavar="FILE", callback=writes_file, help="Write the thinking to a file."
    ),
]


class FormatFlags(Protocol):
    """The flags that constrain the answer; at most one of them is given."""

    @property
    def schema(self) -> str | None: ...
    @property
    def regex(self) -> str | None: ...
    @property
    def choice(self) -> str | None: ...
    @property
    def grammar(self) -> str | None: ...
    @property
    def lark(self) -> str | None: ...
    @property
    def format(self) -> FormatChoice | None: ...


_FORMAT_FLAGS = ("schema", "regex", "choice", "grammar", "lark")


def constrains(flags: FormatFlags) -> bool:
    """Whether one of them is given."""
    return flags.format is not None or any(getattr(flags, name) is not None for name in _FORMAT_FLAGS)


def answer_format_of(flags: FormatFlags) -> AnswerFormat | None:
    """The format that they request. Raises UsageError for malformed input, MullError (exit 5) for an invalid schema."""
    if not constrains(flags):
        return None
    from mull.structured.reading import read_answer_format

    given = {name: getattr(flags, name) for name in _FORMAT_FLAGS}
    return read_answer_format(**given, json_only=flags.format is not None)


@dataclass(frozen=True, slots=True)
class AskFlags(TurnFlags):
    """The flags of `ask`. A field is a flag, defined by its type."""

    files: Files = None
    template: Template = None
    params: Params = None
    prefill: Prefill = None
    schema: Schema = None
    regex: Regex = None
    choice: Choice = None
    grammar: Grammar = None
    lark: Lark = None
    format: Format = None
    schema_prompt: SchemaPrompt = None
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
        """A flag was given that is for a single question only."""
        shared = {f.name for f in fields(TurnFlags)}
        return any(getattr(self, f.name) != f.default for f in fields(self) if f.name not in shared)
