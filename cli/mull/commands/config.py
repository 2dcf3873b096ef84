"""`mull config`: list, get and trace the settings that hold, set, unset and edit those of the config file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from mull import config
from mull.commands._config_checks import checked
from mull.commands._editor import open_file
from mull.commands._options import Json, TurnFlags, completes
from mull.config import CONFIG_FILE
from mull.config.aliases import alias_of_key
from mull.config.environment import misspelled
from mull.errors import MullError
from mull.fs import paths
from mull.terminal.console.streams import Streams
from mull.terminal.console.style import Styled
from mull.terminal.console.tables import table

app = typer.Typer(add_completion=False, rich_markup_mode=None)
_MODEL_KEY = re.compile(r'models\."(.+)"\.(\w+)')

Name = Annotated[
    str,
    typer.Argument(
        metavar="KEY",
        help="A setting's name; mull config lists them.",
        autocompletion=completes("settings"),
        show_default=False,
    ),
]
Model = Annotated[
    str | None,
    typer.Option(
        "-m",
        "--model",
        metavar="NAME",
        help="The setting of this model alone.",
        autocompletion=completes("answering_models"),
        show_default=False,
    ),
]


@app.callback()
def root() -> None:
    """Show and change the settings.

    Without a subcommand all settings are listed.
    """


@app.command("list")
def listing(context: typer.Context, *, model: Model = None, json: Json = False) -> None:
    """List every setting with its value and meaning."""
    settings = _settings(model)
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
    for note in misspelled():
        context.obj.note(note)


def _value(value: Any, *, is_set: bool) -> Styled:
    """The value; one that the file sets stands out."""
    return Styled(config.show_value(value) or "–", "bold accent" if is_set else "muted")


@app.command("get")
def get(context: typer.Context, name: Name, *, model: Model = None) -> None:
    """Print the value of a setting; nothing when it is unset.

    It is the value that holds here: of the environment, the project's file or yours. An alias is aliases.NAME, a
    setting of an endpoint is endpoints.NAME.url, .key_env, .model, .insecure, .timeout or
    .context. aliases, models and endpoints alone print all that is set there.
    """
    streams: Streams = context.obj
    name, model = _of_model(name, model)
    if name in config.TABLES:
        _show_table(name, streams)
        return
    value = config.value_text(_settings(model), name)
    if value:
        streams.write_stdout(value + "\n")


@app.command("where")
def where(context: typer.Context, name: Name, *, model: Model = None, json: Json = False) -> None:
    """Show where the value of a setting comes from.

    Every place that sets it is a line; the first one wins.
    """
    streams: Streams = context.obj
    name, model = _of_model(name, model)
    settings = config.read_config()
    if name in config.TABLES:
        raise config.is_table(name)
    found = config.origins(settings, name, _names(settings, model))
    if json:
        from mull.terminal.views.json_output import write_object

        places = [{"place": one.place, "table": one.table, "value": one.value} for one in found]
        write_object(streams, {"v": 1, "name": name, "places": places, "error": None})
        return
    rows = [
        (one.label, Styled(config.show_value(one.value), "muted" if i else "bold accent"))
        for i, one in enumerate(found)
    ]
    if rows:
        table(streams, ("Place", "Value"), rows)
    else:
        left = (
            "the model pulled last answers, or pebble"
            if name == "model"
            else "it is left to the model, or to mull"
        )
        streams.note(f"Nothing sets {name}: {left}.")
    for notice in settings.notices if name in settings.in_vain else ():
        streams.note(notice)
    if flag := _flag(name):
        streams.note(f"A command's {flag} goes over all of them.")


_FLAGS = {"theme": "--theme", "save": "--no-save", "prefix_cache": "--no-cache"}


def _flag(name: str) -> str | None:
    """The spelling of the flag for a setting."""
    if name in _FLAGS:
        return _FLAGS[name]
    hint = get_type_hints(TurnFlags, include_extras=True).get(name)
    if hint is None:
        return None
    option = hint.__metadata__[0]  # Typer keeps the first spelling as its default
    spellings = (option.default, *(option.param_decls or ()))
    return next((one for one in spellings if isinstance(one, str) and one.startswith("--")), None)


@app.command("set", context_settings={"ignore_unknown_options": True})  # a value may be negative
def set_(
    context: typer.Context,
    name: Name,
    value: Annotated[str, typer.Argument(metavar="VALUE", help="The new value.")],
    *,
    model: Model = None,
) -> None:
    """Set a setting in your config file.

    aliases.NAME is another name for a model: mull config set aliases.fast qwen3-4b
    """
    streams: Streams = context.obj
    name, model = _of_model(name, model)
    _check_name(context, name)
    if name in config.TABLES:
        raise config.is_table(name)
    meant, notices = checked(name, value, lambda: config.load(_file()))
    config.save_value(_file(), name, meant, _known(model))
    for notice in notices:
        streams.note(notice)


@app.command("unset")
def unset(name: Name, *, model: Model = None) -> None:
    """Reset a setting to its default, or remove an alias."""
    name, model = _of_model(name, model)
    if name in config.TABLES:
        raise config.is_table(name)
    config.save_value(_file(), name, None, _known(model, new=False))


def _settings(model: str | None) -> config.Config:
    """The settings, for this model if one is named."""
    settings = config.read_config()
    return settings.for_model(_names(settings, model)) if model else settings


def _names(settings: config.Config, model: str | None) -> tuple[str, ...]:
    """What tables may call a model. One that is not here is called as it is spelled."""
    if model is None:
        return ()
    from mull.models.naming.filenames import quantization
    from mull.models.resolve import find

    meant = settings.expand(model)
    try:
        found = find(meant, folders=settings.model_folders(), endpoints=settings.endpoints)
    except MullError:
        bare, _, tag = meant.rpartition(":")
        return (bare, meant) if bare and quantization(f"-{tag}.gguf") else (meant,)
    return (*found.names, meant)


def _known(model: str | None, *, new: bool = True) -> str | None:
    """A model's name for a table, which must be known, installed or not. Raises what `find` raises else."""
    from mull.models.resolve import find

    if model is None:
        return None
    settings = config.load(_file())
    if not new or model in settings.aliases:
        return model
    try:
        find(model, folders=settings.model_folders(), endpoints=settings.endpoints)
    except MullError as error:
        if error.code != "not_installed":
            raise
    return model


def _of_model(name: str, model: str | None) -> tuple[str, str | None]:
    """A key as `mull config` lists it (`models."qwen3-8b".top_k`): the setting, and the model that has it."""
    found = _MODEL_KEY.fullmatch(name)
    return (found[2], found[1]) if found and model is None else (name, model)


def _show_table(name: str, streams: Streams) -> None:
    """What is set in a table, one key a line."""
    set_here = [
        f"{key.name} = {config.show_value(value)}\n"
        for key, value, is_set in config.rows(config.read_config())
        if is_set and key.name.startswith(f"{name}.")
    ]
    streams.write_stdout("".join(set_here))
    if not set_here:
        streams.note(f"Nothing is set in {name}. {config.TABLES[name]}")


def _check_name(context: typer.Context, name: str) -> None:
    """An alias that is called like a command would be typed as one. Raises MullError."""
    root: Any = context.find_root().command
    alias = alias_of_key(name)
    if alias in root.list_commands(context):
        raise MullError(
            "invalid_setting",
            f"mull {alias} is a command, so no alias is called like it.",
            "An alias is used behind -m; choose another name.",
        )


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
    loaded = config.load(file)
    for alias in loaded.aliases:
        loaded.expand(alias)  # raises for one that is called like a model
    streams.note("The config file is valid.")


def _file() -> Path:
    return paths.config_dir() / CONFIG_FILE
