"""`mull config`: list, get, set, unset and edit the settings in the config file, and print its path."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from mull import config
from mull.commands._editor import open_file
from mull.commands._options import Json
from mull.config import CONFIG_FILE, read_config
from mull.fs import paths
from mull.terminal.console.streams import Streams
from mull.terminal.console.style import Styled
from mull.terminal.console.tables import table

app = typer.Typer(add_completion=False, rich_markup_mode=None)

Name = Annotated[str, typer.Argument(metavar="KEY", help="A setting's name; mull config lists them.")]


@app.callback()
def root() -> None:
    """Show and change the settings.

    Without a subcommand all settings are listed.
    """


@app.command("list")
def listing(context: typer.Context, *, json: Json = False) -> None:
    """List every setting with its value and meaning."""
    settings = read_config()
    if json:
        from mull.terminal.views.json_output import write_object

        listed = [
            {"name": key.name, "value": value, "help": key.help} for key, value, _ in config.rows(settings)
        ]
        write_object(context.obj, {"v": 1, "settings": listed, "error": None})
        return
    rows = [
        (key.name, _value(value, is_set=is_set), Styled(key.help, "muted"))
        for key, value, is_set in config.rows(settings)
    ]
    table(context.obj, ("Setting", "Value", "Meaning"), rows)


def _value(value: Any, *, is_set: bool) -> Styled:
    """The value; one that the file sets stands out."""
    return Styled(config.show_value(value) or "–", "bold accent" if is_set else "muted")


@app.command("get")
def get(context: typer.Context, name: Name) -> None:
    """Print the value of a setting; nothing when it is unset.

    A setting of an endpoint is endpoints.NAME.url, .key_env, .model, .insecure or .timeout.
    """
    streams: Streams = context.obj
    value = config.value_text(read_config(), name)
    if value:
        streams.write_stdout(value + "\n")


@app.command("set", context_settings={"ignore_unknown_options": True})  # a value may be negative
def set_(name: Name, value: Annotated[str, typer.Argument(help="The new value.")]) -> None:
    """Set a setting."""
    config.save_value(_file(), name, value)


@app.command("unset")
def unset(name: Name) -> None:
    """Reset a setting to its default."""
    config.save_value(_file(), name, None)


@app.command("path")
def path(context: typer.Context) -> None:
    """Print the path of the config file."""
    streams: Streams = context.obj
    streams.write_stdout(f"{_file()}\n")


@app.command("edit")
def edit(context: typer.Context) -> None:
    """Open the config file in $VISUAL or $EDITOR, then check it."""
    streams: Streams = context.obj
    file = _file()
    with config.edited(file):
        open_file(file)
    config.load(file)
    streams.note("The config file is valid.")


def _file() -> Path:
    return paths.config_dir() / CONFIG_FILE
