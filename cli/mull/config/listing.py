"""What `mull config` shows: every setting with its value, one value as text, and where a value comes from.

In: a `Config` of all layers. Raises MullError (unknown_setting, unknown_endpoint, unknown_alias) for a wrong name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mull.config.aliases import ALIASES, alias_of_key
from mull.config.endpoints import TABLE, endpoint_rows, endpoint_text, split_key
from mull.config.environment import variable
from mull.config.file import MODELS
from mull.config.keys import BY_NAME, KEYS, ConfigKey, find_key, show_value
from mull.config.layers import Config, Layer
from mull.dataclass import dataclass
from mull.errors import MullError
from mull.suggest import did_you_mean, nearest


@dataclass(frozen=True, slots=True)
class Origin:
    """A place that gives a key a value: a variable, or a file and its table (""), or "default"."""

    place: str
    table: str
    value: Any

    @property
    def label(self) -> str:
        """The place and its table, as a reader finds them."""
        return f'{self.place} [{MODELS}."{self.table}"]' if self.table else self.place


TABLES = {
    ALIASES: f"mull config set {ALIASES}.NAME MODEL adds an alias.",
    MODELS: "mull config set -m MODEL KEY VALUE sets a key for one model.",
    TABLE: "mull endpoints add NAME URL adds one.",
}
"""The tables of a config file that `mull config` shows whole, and what adds to each."""


def is_table(name: str) -> MullError:
    """The error where a single setting is needed."""
    return MullError("unknown_setting", f"{name} is a table of settings, not a setting.", TABLES[name])


def rows(config: Config) -> list[tuple[ConfigKey, Any, bool]]:
    """Every key with its value and whether it is set; those of tables under their full names."""
    flat = [(key, config[key.name], key.name in config.values) for key in KEYS]
    return [*flat, *_alias_rows(config), *_model_rows(config), *endpoint_rows(config.endpoints)]


def value_text(config: Config, name: str) -> str:
    """The text form of a key's value, "" when it is unset."""
    if split_key(name):
        return endpoint_text(config.endpoints, name)
    if alias := alias_of_key(name):
        if alias not in config.aliases:
            raise unknown_alias(alias, config.aliases)
        return config.aliases[alias]
    return show_value(config[find_key(name).name])


def origins(config: Config, name: str, models: Sequence[str] = ()) -> list[Origin]:
    """The places that set a key for a model of these names, the one that wins first; its default is the last."""
    if (alias := alias_of_key(name)) or split_key(name):
        value = value_text(config, name)  # raises for an unknown one
        places = [layer for layer in reversed(config.layers) if alias in layer.aliases]
        return [Origin(one.place, "", one.aliases[alias]) for one in places if alias] or [
            Origin(str(config.path), "", value)
        ]
    key = find_key(name)
    found = [
        Origin(variable(name) if not layer.place else layer.place, table, values[name])
        for layer in config.layers
        for table, values in layer.tables(config.table_names(models))
        if name in values
    ]
    default = [] if key.default is None else [Origin("default", "", key.default)]
    return [*reversed(found), *default]


def unknown_alias(alias: str, known: Mapping[str, Any]) -> MullError:
    """The error for an alias that the config does not have."""
    hint = did_you_mean(nearest(alias, known), f"mull config set {ALIASES}.{alias} MODEL adds it.")
    return MullError("unknown_alias", f'There is no alias "{alias}".', hint)


def _alias_rows(config: Config) -> Iterator[tuple[ConfigKey, Any, bool]]:
    for alias, model in config.aliases.items():
        yield ConfigKey(f"{ALIASES}.{alias}", str, f"what -m {alias} means"), model, True


def _model_rows(config: Config) -> Iterator[tuple[ConfigKey, Any, bool]]:
    for model, values in _tables(config.layers).items():
        for name, value in values.items():
            key = BY_NAME[name]
            yield ConfigKey(f'{MODELS}."{model}".{name}', key.kind, key.help), value, True


def _tables(layers: Sequence[Layer]) -> dict[str, dict[str, Any]]:
    """The tables of models in all layers, merged by their spelling."""
    found: dict[str, dict[str, Any]] = {}
    for layer in layers:
        for model, values in layer.models.items():
            found.setdefault(model, {}).update(values)
    return found
