"""`mull templates`: list, show and edit prompt templates, trust folders, and print the folders that are searched."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from mull.commands._editor import open_file
from mull.commands._options import Json, completes
from mull.config import trust
from mull.config.places import project_file
from mull.errors import MullError, UsageError
from mull.fs import paths
from mull.fs.atomic import create_atomic
from mull.fs.lock import FileInUse, locked
from mull.fs.text import MOST, decode, read_bytes
from mull.prompt_templates import files
from mull.prompt_templates.template import PromptTemplate, read
from mull.terminal.console.streams import Streams
from mull.terminal.console.style import Styled
from mull.terminal.console.tables import Column, table

app = typer.Typer(add_completion=False, rich_markup_mode=None)

Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME", help="A template's name, or a path to one.", autocompletion=completes("templates")
    ),
]

Folder = Annotated[
    Path | None,
    typer.Argument(metavar="[FOLDER]", help="The project's folder.", show_default="this project"),
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
# model = "qwen3-8b"   # a project's template may set a model only in a trusted folder
# temperature = 0.2
# reason = false
"""
)


@app.callback()
def root() -> None:
    """List and edit prompt templates for mull -t NAME.

    A template is a small TOML file. Your own lie in the config folder, a project's in its
    .mull/templates; of two with the same name yours is used. A project's may set a model or
    files only once you trust its folder. Without a subcommand the templates are listed.
    """


@app.command("list")
def listing(context: typer.Context, *, json: Json = False) -> None:
    """List the templates available in this folder."""
    streams: Streams = context.obj
    here = files.working_folder()
    found, problems = [], []
    for path in files.all_files(here):
        try:
            found.append(read(path))
        except MullError as error:
            problems.append(error)
    folders = sorted(trust.trusted_folders())
    if json:
        from mull.terminal.views.json_output import write_object

        listed = [_object(one) for one in found]
        write_object(streams, {"v": 1, "templates": listed, "trusted_folders": folders})
    elif found:
        rows = [
            (
                Styled(one.name, "accent"),
                one.description,
                ", ".join(one.variables),
                _trust(one.path),
                Styled(str(one.path), "muted"),
            )
            for one in found
        ]
        heads = (
            Column("NAME"),
            Column("FOR"),
            Column("VALUES", 2),
            Column("TRUSTED", 1),
            Column("FILE", 3),
        )
        table(streams, heads, rows)
    elif not problems:
        streams.note("No templates found. Create one with: mull templates edit NAME")
    if folders and not json:
        streams.note(f"Trusted folders: {', '.join(folders)}")
    for why in files.left_out(here):
        streams.note(why)
    for problem in problems:
        streams.error(problem.message, problem.hint)


@app.command("show")
def show(context: typer.Context, name: Name) -> None:
    """Print a template."""
    streams: Streams = context.obj
    path = files.find(name, files.working_folder()).path
    text, _ = decode(read_bytes(path, most=MOST))
    streams.write_stdout(text)


@app.command("edit")
def edit(context: typer.Context, name: Name) -> None:
    """Open a template in $VISUAL or $EDITOR, then check it. A new name creates a template."""
    streams: Streams = context.obj
    here = files.working_folder()
    try:
        file = files.find(name, here).path
    except MullError as error:  # an invalid one: open it so that the user can correct it
        new = error.code == "unknown_prompt_template"
        file = files.new_file(name) if new else files.locate(name, here)
    with _sole_editor(file):
        create_atomic(file, NEW)  # unless it exists
        open_file(file)
    read(file)
    streams.note(f"The template is valid. Use it with: mull -t {name}")


@app.command("trust")
def trust_(context: typer.Context, folder: Folder = None) -> None:
    """Let a project's templates and its .mull.toml set a model, files and the machine's resources.

    Without that they may set texts, thinking, sampling and the length of the answer. Trust ends
    when the folder moves or changes its owner. Prints the folder that is trusted.
    """
    streams: Streams = context.obj
    place = trust.trust(folder or _this_project())
    streams.write_stdout(f"{place}\n")


@app.command("untrust")
def untrust(context: typer.Context, folder: Folder = None) -> None:
    """Trust a project's templates and its .mull.toml no longer."""
    streams: Streams = context.obj
    place = folder or _this_project()
    if not trust.untrust(place):
        streams.note(f"{place} was not trusted.")


@app.command("path")
def path(context: typer.Context) -> None:
    """Print the folders that are searched for templates, in that order."""
    streams: Streams = context.obj
    streams.write_stdout("".join(f"{folder}\n" for folder in files.folders(files.working_folder())))


@contextmanager
def _sole_editor(file: Path) -> Iterator[None]:
    """Raises FileInUse while another mull has the template in an editor."""
    with ExitStack() as held:
        try:
            held.enter_context(locked(file, folder=paths.private_dir(paths.state_dir())))
        except FileInUse:
            raise
        except OSError:
            pass  # without a state folder there is no lock, but the template can be edited
        yield


def _this_project() -> Path:
    """The folder around the nearest `.mull/templates` or `.mull.toml`. Raises UsageError."""
    project = files.project(Path.cwd())
    if project is None and (settings := project_file(Path.cwd())):
        project = settings.parent
    if project is None:
        raise UsageError(
            "untrustable_folder",
            "There is no .mull/templates and no .mull.toml here.",
            "Name the folder: mull templates trust FOLDER",
        )
    return project


def _trust(path: Path) -> str:
    return "yes" if trust.is_trusted(path) else "no"


def _object(template: PromptTemplate) -> dict[str, Any]:
    return {
        "name": template.name,
        "description": template.description,
        "values": list(template.variables),
        "path": str(template.path),
        "trusted": trust.is_trusted(template.path),
    }
