"""Reading the config file: TOML in, a frozen `Config` of typed values and the layers of settings made from it.

Raises MullError (invalid_config) that names the key and its line.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from mull.config.endpoints import TABLE, TableError, endpoint_rows, endpoint_text, read_endpoint, split_key
from mull.config.keys import BY_NAME, KEYS, ConfigKey, check, find_key, show_value
from mull.endpoints.endpoint import Endpoint
from mull.errors import MullError
from mull.fs import ownership, paths
from mull.fs.text import read_utf8, reason
from mull.fs.toml_text import line_of, line_of_table, loads
from mull.settings import EngineSettings, ReasoningAsk, Sampling
from mull.terminal.console.theme import Override, ThemeChoice, check_overrides

CONFIG_FILE = "config.toml"  # in the config folder
LONGEST = 1 << 20  # bytes of the file

SettingsT = TypeVar("SettingsT", ReasoningAsk, Sampling, EngineSettings)


@dataclass(frozen=True, slots=True)
class Config:
    """The values of one config file; a key that is not set has its default. `styles`: those of `[theme]`.

    `endpoints`: by name, in the order of the file.
    """

    path: Path
    values: Mapping[str, Any] = field(default_factory=dict)
    styles: Mapping[str, Override] = field(default_factory=dict)
    endpoints: Mapping[str, Endpoint] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Any:
        return self.values.get(name, BY_NAME[name].default)

    def reasoning(self) -> ReasoningAsk:
        """The reasoning layer."""
        return ReasoningAsk(on=self["reason"], effort=self["effort"], budget=self["think_budget"])

    def sampling(self) -> Sampling:
        """The sampling layer."""
        return self._layer(Sampling)

    def engine(self) -> EngineSettings:
        """The layer of settings that a model is loaded with."""
        return self._layer(EngineSettings)

    def model_folders(self) -> list[Path]:
        """The folders to search for .gguf files, beside the caches of known tools."""
        return [Path(folder) for folder in self["model_folders"]]

    def theme(self) -> ThemeChoice:
        """The theme, and the styles that differ from it."""
        return ThemeChoice(self["theme"], self.styles, self["code_theme"] or "")

    def _layer(self, layer: type[SettingsT]) -> SettingsT:
        return layer(**{f.name: self.values.get(f.name) for f in fields(layer)})


def rows(config: Config) -> list[tuple[ConfigKey, Any, bool]]:
    """Every key, those of the endpoints under their full names, with its value and whether the file sets it."""
    flat = [(key, config[key.name], key.name in config.values) for key in KEYS]
    return flat + endpoint_rows(config.endpoints)


def value_text(config: Config, name: str) -> str:
    """The text form of a key's value, "" when it is unset. Raises MullError (unknown_setting, unknown_endpoint)."""
    if split_key(name):
        return endpoint_text(config.endpoints, name)
    return show_value(config[find_key(name).name])


def read_config() -> Config:
    """The user's config file. Raises MullError (invalid_config).

    From a file that others could have written, only switches, numbers and choices are taken: no text or list, which
    could name a model to load or a folder to search, or be a command one day.
    """
    config = load(paths.config_dir() / CONFIG_FILE)
    if not (config.values or config.endpoints) or ownership.weakness(config.path) is None:
        return config
    harmless = {name: value for name, value in config.values.items() if _is_harmless(BY_NAME[name])}
    return Config(config.path, harmless)


def _is_harmless(key: ConfigKey) -> bool:
    return bool(key.choices) or key.kind not in {str, list}


def load(path: Path) -> Config:
    """Read and validate the file; a missing one is an empty one. Raises MullError (invalid_config)."""
    try:
        text = read_utf8(path, most=LONGEST)
        values = loads(text)
    except (FileNotFoundError, NotADirectoryError):
        return Config(path)
    except (OSError, ValueError, RecursionError) as error:  # a TOMLDecodeError is a ValueError
        raise invalid(path, f"cannot be read: {reason(error)}") from error
    styles: dict[str, Override] = {}
    if isinstance(values.get("theme"), dict):
        styles, values["theme"] = _styles(path, text, values["theme"])
    endpoints = _endpoints(path, text, values.pop(TABLE, {}))
    checked = {}
    for name, value in values.items():
        try:
            checked[name] = check(name, value)
        except ValueError as error:
            line = line_of(text, name)
            raise invalid(path, str(error), f"line {line} of {path}" if line else "") from error
    return Config(path, checked, styles, endpoints)


def _endpoints(path: Path, text: str, tables: Any) -> dict[str, Endpoint]:
    """The endpoints of the tables `[endpoints.NAME]`."""
    if not isinstance(tables, dict):
        raise invalid(path, f'expects tables [{TABLE}.NAME] for "{TABLE}"')
    found = {}
    for name, table in tables.items():
        try:
            found[name] = read_endpoint(name, table)
        except TableError as error:
            line = line_of(text, error.key, TABLE, name) if error.key else line_of_table(text, TABLE, name)
            raise invalid(path, str(error), f"line {line} of {path}" if line else "") from error
    return found


def _styles(path: Path, text: str, table: dict[str, Any]) -> tuple[dict[str, Override], Any]:
    """The styles of the table `[theme]` with their places, and the name of the theme that they change (`base`)."""
    places = {}
    for name, value in table.items():
        line = line_of(text, name, "theme")
        places[name] = f"line {line} of {path}" if line else str(path)
        try:
            check_overrides({name: value})
        except ValueError as error:
            raise invalid(path, str(error), places[name]) from error
    base = table.pop("base", BY_NAME["theme"].default)
    return {name: Override(value, places[name]) for name, value in table.items()}, base


def invalid(path: Path, what: str, place: str = "") -> MullError:
    """The error for a config file; `what` is a predicate, `place` where in the file."""
    return MullError("invalid_config", f"The config {what}.", f"mull config edit opens it: {place or path}")
