"""`mull templates`: list, show and edit prompt templates, and print the folders that are searched for them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from mull import prompt_templates
from mull.commands._editor import open_file
from mull.commands._options import Json, completes
from mull.errors import MullError, UsageError
from mull.fs.atomic import create_atomic
from mull.terminal.console.streams import Streams
from mull.terminal.console.tables import table

app = typer.Typer(add_completion=False, rich_markup_mode=None)

Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME", help="A template's name, or a path to one.", autocompletion=completes("templates")
    ),
]

NEW = (
    """\
description = ""
system = ""
# $input is the piped text and the prompt of the command line; set other names with -p NAME=VALUE.
prompt = """
    '"""\n$input\n"""'
    """

[defaults]
# style = "short"

[settings]
# model = "qwen3-8b"
# temperature = 0.2
# reason = false
"""
)


@app.callback(invoke_without_command=True)
def root(context: typer.Context) -> None:
    """List and edit prompt templates for mull -t NAME.

    A template is a small TOML file. Your own lie in the config folder, a project's in its
    .mull/templates. Without a subcommand the templates are listed.
    """
    if context.invoked_subcommand is None:
        listing(context)


@app.command("list")
def listing(context: typer.Context, *, json: Json = False) -> None:
    """List the templates available in this folder."""
    streams: Streams = context.obj
    found, problems = [], []
    for path in prompt_templates.all_files(Path.cwd()):
        try:
            found.append(prompt_templates.read(path))
        except MullError as error:
            problems.append(error)
    if json:
        from mull.terminal.views.json_output import write_object

        write_object(streams, {"v": 1, "templates": [_object(one) for one in found]})
    elif found:
        rows = [(one.name, one.description, ", ".join(one.variables), one.path) for one in found]
        table(streams, ("NAME", "FOR", "VALUES", "FILE"), rows)
    elif not problems:
        streams.note("No templates found. Create one with: mull templates edit NAME")
    for problem in problems:
        streams.error(problem.message, problem.hint)


@app.command("show")
def show(context: typer.Context, name: Name) -> None:
    """Print a template."""
    streams: Streams = context.obj
    text = prompt_templates.find(name, Path.cwd()).path.read_text(encoding="utf-8")
    streams.write_stdout(text)


@app.command("edit")
def edit(context: typer.Context, name: Name) -> None:
    """Open a template in $VISUAL or $EDITOR, then check it. A new name creates a template."""
    streams: Streams = context.obj
    try:
        file = prompt_templates.find(name, Path.cwd()).path
    except UsageError:
        file = prompt_templates.new_file(name)
        create_atomic(file, NEW)
    except MullError:  # invalid: open it so that the user can correct it
        file = prompt_templates.locate(name, Path.cwd())
    open_file(file)
    prompt_templates.read(file)
    streams.note(f"The template is valid. Use it with: mull -t {name}")


@app.command("path")
def path(context: typer.Context) -> None:
    """Print the folders that are searched for templates, in that order."""
    streams: Streams = context.obj
    streams.stdout.write("".join(f"{folder}\n" for folder in prompt_templates.folders(Path.cwd())))


def _object(template: prompt_templates.PromptTemplate) -> dict[str, Any]:
    return {
        "name": template.name,
        "description": template.description,
        "values": list(template.variables),
        "path": str(template.path),
    }
