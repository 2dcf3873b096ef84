"""The table `[aliases]` of a config file: short names of models, and their keys in `mull config` (`aliases.fast`).

In: TOML values. Out: a mapping from an alias to what `-m` takes, perhaps another alias. Raises ValueError with a
predicate, as `keys.check` does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from mull.errors import MullError

ALIASES = "aliases"
LONGEST = 1000  # characters of what an alias means
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9_-])?")


def check_alias(alias: str, model: Any) -> str:
    """What an alias means, checked: a name, and an alias that is no name of a model already."""
    if not _NAME.fullmatch(alias) or alias.lower().endswith(".gguf"):
        raise ValueError(
            f'calls an alias "{alias[:40]}": an alias has letters, digits, ".", "_" and "-", and is not a path'
        )
    if not isinstance(model, str) or not model.strip() or not model.isprintable() or len(model) > LONGEST:
        raise ValueError(f'expects the name of a model for "{ALIASES}.{alias}"')
    return model.strip()


def check_free_alias(alias: str) -> None:
    """Raises ValueError for an alias that the catalogue has a model of. It reads the catalogue: a tenth of a second."""
    from mull.fs import paths
    from mull.models.catalogue.catalogue import load_catalogue

    try:
        entry = load_catalogue(paths.config_dir()).find(alias)
    except MullError:  # the catalogue's own error is shown where a model is looked up
        return
    if entry is not None:
        raise ValueError(f'calls an alias "{alias}", which is the name of a model in the catalogue')


def check_circles(aliases: Mapping[str, str]) -> None:
    """Raises ValueError for an alias that means itself, also by way of others."""
    for alias in aliases:
        if found := _circle(alias, aliases):
            raise ValueError(f"makes aliases mean each other: {' → '.join(found)}")


def expand(name: str, aliases: Mapping[str, str]) -> str:
    """The model that an alias means; another name as it is. The aliases have no circle."""
    while name in aliases:
        name = aliases[name]
    return name


def model_of(name: str, aliases: Mapping[str, str]) -> str:
    """`expand` for a name that a user typed. Raises MullError (invalid_config) where that is also another model's."""
    if name in aliases:
        try:
            check_free_alias(name)
        except ValueError as error:
            hint = f"Give the alias another name: mull config unset {ALIASES}.{name}"
            raise MullError("invalid_config", f"The config {error}.", hint) from error
    return expand(name, aliases)


def alias_of_key(name: str) -> str | None:
    """`aliases.fast` → "fast"; None for another key."""
    head, _, alias = name.partition(".")
    return alias if head == ALIASES and alias else None


def _circle(alias: str, aliases: Mapping[str, str]) -> list[str]:
    """The way from an alias back to one that was met before; empty if it ends at a model."""
    way = [alias]
    while (following := aliases.get(way[-1])) is not None:
        if following in way:
            return [*way, following]
        way.append(following)
    return []
