"""Reading the user's config file: TOML in, a `Config` with one layer of typed values.

Raises MullError (invalid_config) that names the key and its line.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from mull.config.aliases import ALIASES, check_alias, check_circles
from mull.config.endpoints import TABLE, TableError, read_endpoint
from mull.config.keys import BY_NAME, check, check_of_model
from mull.config.layers import Config, Layer
from mull.endpoints.endpoint import Endpoint
from mull.errors import MullError
from mull.fs.text import read_utf8, reason
from mull.fs.toml_text import line_of, line_of_table, loads
from mull.terminal.console.theme import Override, check_overrides

CONFIG_FILE = "config.toml"  # in the config folder
MODELS = "models"
LONGEST = 1 << 20  # bytes of the file


def load(path: Path) -> Config:
    """Read and validate the file; a missing one is an empty one. Raises MullError (invalid_config)."""
    text, values = document(path)
    styles: dict[str, Override] = {}
    if isinstance(values.get("theme"), dict):
        styles, values["theme"] = _styles(path, text, values["theme"])
    endpoints = _endpoints(path, text, values.pop(TABLE, {}))
    aliases = read_aliases(path, text, values.pop(ALIASES, {}))
    layer = replace(read_layer(path, text, values), aliases=aliases)
    return Config(path, layer.values, styles, endpoints, aliases, (layer,))


def document(path: Path) -> tuple[str, dict[str, Any]]:
    """A file's text and its tables; empty for one that is missing. Raises MullError (invalid_config)."""
    try:
        text = read_utf8(path, most=LONGEST)
        return text, loads(text)
    except (FileNotFoundError, NotADirectoryError):
        return "", {}
    except (OSError, ValueError, RecursionError) as error:  # a TOMLDecodeError is a ValueError
        raise invalid(path, f"cannot be read: {reason(error)}") from error


def read_layer(path: Path, text: str, values: dict[str, Any]) -> Layer:
    """The flat keys of a file, and its tables `[models."NAME"]`. Raises MullError (invalid_config)."""
    tables = _tables(path, MODELS, values.pop(MODELS, {}))
    checked = {}
    for name, value in values.items():
        try:
            checked[name] = check(name, value)
        except ValueError as error:
            raise invalid(path, str(error), line_of(text, name)) from error
    models = {model: _of_model(path, text, model, table) for model, table in tables.items()}
    return Layer(str(path), checked, models)


def read_aliases(path: Path, text: str, table: Any) -> dict[str, str]:
    """The table `[aliases]`. Raises MullError (invalid_config)."""
    if not isinstance(table, dict):
        raise invalid(path, f'expects a table for "{ALIASES}"')
    found = {}
    for alias, model in table.items():
        try:
            found[alias] = check_alias(alias, model)
        except ValueError as error:
            raise invalid(path, str(error), line_of(text, alias, ALIASES)) from error
    try:
        check_circles(found)
    except ValueError as error:
        raise invalid(path, str(error), line_of_table(text, ALIASES)) from error
    return found


def _of_model(path: Path, text: str, model: str, table: Any) -> dict[str, Any]:
    if not isinstance(table, dict):
        line = line_of_table(text, MODELS, model)
        raise invalid(path, f'expects a table for "{MODELS}.{model}"', line)
    checked = {}
    for name, value in table.items():
        if isinstance(value, dict):  # [models.qwen2.5-7b]
            line = line_of_table(text, MODELS, model, name)
            raise invalid(
                path, f'has a name with a dot in "{MODELS}.{model}.{name}", which needs quotes', line
            )
        try:
            checked[name] = check_of_model(model, name, value)
        except ValueError as error:
            raise invalid(path, str(error), line_of(text, name, MODELS, model)) from error
    return checked


def _tables(path: Path, name: str, tables: Any) -> dict[str, Any]:
    if not isinstance(tables, dict):
        raise invalid(path, f'expects tables [{name}.NAME] for "{name}"')
    return tables


def _endpoints(path: Path, text: str, tables: Any) -> dict[str, Endpoint]:
    """The endpoints of the tables `[endpoints.NAME]`."""
    found = {}
    for name, table in _tables(path, TABLE, tables).items():
        try:
            found[name] = read_endpoint(name, table)
        except TableError as error:
            line = line_of(text, error.key, TABLE, name) if error.key else line_of_table(text, TABLE, name)
            raise invalid(path, str(error), line) from error
    return found


def _styles(path: Path, text: str, table: dict[str, Any]) -> tuple[dict[str, Override], Any]:
    """The styles of the table `[theme]` with their places, and the name of the theme that they change (`base`)."""
    places = {}
    for name, value in table.items():
        line = line_of(text, name, "theme")
        places[name] = _place(path, line)
        try:
            check_overrides({name: value})
        except ValueError as error:
            raise invalid(path, str(error), line) from error
    base = table.pop("base", BY_NAME["theme"].default)
    return {name: Override(value, places[name]) for name, value in table.items()}, base


def invalid(path: Path, what: str, line: int | None = None) -> MullError:
    """The error for a config file; `what` is a predicate, `line` where in the file."""
    if path.name == CONFIG_FILE:
        return MullError(
            "invalid_config", f"The config {what}.", f"mull config edit opens it: {_place(path, line)}"
        )
    return MullError("invalid_config", f"The project's {path.name} {what}.", f"Correct {_place(path, line)}.")


def _place(path: Path, line: int | None) -> str:
    return f"line {line} of {path}" if line else str(path)
