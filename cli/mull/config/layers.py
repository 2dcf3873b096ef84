"""The settings in force: layers from the environment, a project's file and the user's file, merged key by key.

In: `Layer`s, the weakest first. Out: a `Config` of typed values. A layer's tables `[models."NAME"]` go over its own
general values once the model is known (`Config.for_model`), and under every stronger layer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import field, fields, replace
from pathlib import Path
from typing import Any, TypeVar

from mull.config.aliases import expand, model_of
from mull.config.keys import BY_NAME
from mull.dataclass import dataclass
from mull.endpoints.endpoint import Endpoint
from mull.errors import MullError
from mull.settings import EngineSettings, ReasoningAsk, Sampling
from mull.terminal.console.theme import Override, ThemeChoice

SettingsT = TypeVar("SettingsT", ReasoningAsk, Sampling, EngineSettings)
Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Layer:
    """The settings from one place. `place`: the path of a file, or "" for the environment.

    `models`: by the names of the tables `[models."NAME"]`, as they are spelled.
    """

    place: str
    values: Values = field(default_factory=dict)
    models: Mapping[str, Values] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)

    def tables(self, names: Sequence[str]) -> Iterator[tuple[str, Values]]:
        """Its tables that hold for a model of these names, with the names of the tables; "" is the general one.

        The weakest comes first: the general values, then the tables in the order of `names`.
        """
        yield "", self.values
        spelled = {table: _spelled(table) for table in self.models}
        for name in dict.fromkeys(map(_spelled, names)):
            yield from ((table, self.models[table]) for table, one in spelled.items() if one == name)


@dataclass(frozen=True, slots=True)
class Config:
    """The merged values; a key that is not set has its default. `styles`: those of `[theme]`.

    `path`: the user's file. `endpoints`, `aliases`: by name, in the order of the file. `layers`: what `values` were
    merged from, the weakest first. `in_vain`: names that a project's file sets without effect; `notices`: sentences
    that say so; `ignored_aliases`: aliases of such a file, each with a sentence on how it takes effect.
    """

    path: Path
    values: Values = field(default_factory=dict)
    styles: Mapping[str, Override] = field(default_factory=dict)
    endpoints: Mapping[str, Endpoint] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    layers: tuple[Layer, ...] = ()
    in_vain: frozenset[str] = frozenset()
    notices: tuple[str, ...] = ()
    ignored_aliases: Mapping[str, str] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Any:
        return self.values.get(name, BY_NAME[name].default)

    def for_model(self, names: Sequence[str]) -> Config:
        """With the tables `[models."NAME"]` of these names, the most general name first."""
        if not any(layer.models for layer in self.layers):
            return self
        return replace(self, values=merged(self.layers, self.table_names(names)))

    def of_model(self, names: Sequence[str]) -> Values:
        """What the tables `[models."NAME"]` of these names alone say."""
        return merged([replace(layer, values={}) for layer in self.layers], self.table_names(names))

    def table_names(self, names: Sequence[str]) -> list[str]:
        """The names, and behind them the aliases that mean one of them: what its tables may be called."""
        known = set(map(_spelled, names))
        return [*names, *(alias for alias in self.aliases if _spelled(expand(alias, self.aliases)) in known)]

    def expand(self, name: str) -> str:
        """The model that an alias means; another name as it is. Raises MullError (invalid_config)."""
        return model_of(name, self.aliases)

    @contextmanager
    def explaining(self, name: str) -> Iterator[None]:
        """Where a model of this name turns out to be unknown, say how an alias of that name takes effect."""
        try:
            yield
        except MullError as error:
            if error.code == "unknown_model" and (hint := self.ignored_aliases.get(name.strip())):
                error.hint = hint
            raise

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


def _spelled(name: str) -> str:
    """A model's name in the form in which two names of one model are equal."""
    import os

    from mull.models.naming.reference import is_path, parse_hub

    if is_path(name):
        return os.path.abspath(os.path.expanduser(name))  # noqa: PTH100, PTH111 - also of a user without a home
    reference = parse_hub(name)
    return (str(reference) if reference is not None else name).casefold()


def merged(layers: Sequence[Layer], names: Sequence[str] = ()) -> dict[str, Any]:
    """The values of all layers and of their tables for a model of these names, key by key.

    An effort or a budget of thinking also replaces a weaker `reason = false`, which would switch it off.
    """
    found: dict[str, Any] = {}
    for layer in layers:
        for _, values in layer.tables(names):
            thinks = "effort" in values or values.get("think_budget")
            if thinks and "reason" not in values and found.get("reason") is False:
                del found["reason"]
            found |= values
    return found
