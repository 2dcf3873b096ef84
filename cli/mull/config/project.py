"""A project's settings, from its `.mull.toml`.

In: the file's path. Out: a `Project`. Anybody may have written the file, so it sets only what a prompt template
may set: texts, thinking and sampling always, a model and how it is loaded once the folder is trusted (`trust.py`).
Raises MullError (invalid_config) that names the key for anything else.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from dataclasses import field, fields, replace
from pathlib import Path
from typing import Any

from mull.config import trust
from mull.config.aliases import ALIASES
from mull.config.file import MODELS, document, invalid, read_aliases, read_layer
from mull.config.keys import BY_NAME
from mull.config.layers import Layer, Values
from mull.config.places import adapters_beside, beside
from mull.dataclass import dataclass
from mull.fs import ownership
from mull.fs.toml_text import line_of, line_of_table
from mull.settings import EngineSettings, Sampling

SETTABLE = frozenset(
    {"model", "system", "reason", "effort", "think_budget", "thinking", "max_tokens", "loop_guard"}
    | {"markdown"}
    | {f.name for layer in (Sampling, EngineSettings) for f in fields(layer)}
) & set(BY_NAME)
"""What a project may set. Not where data goes, what is run, what is saved, or how mull looks."""
_PATHS = ("model", "draft")  # their values may be paths, which count from the file's folder
_AT_URL = "://"


@dataclass(frozen=True, slots=True)
class Project:
    """What a project's file sets here. `in_vain`: the names that do not count; `notices`: sentences that say so;
    `ignored`: its aliases of those, each with such a sentence.
    """

    layer: Layer
    in_vain: frozenset[str] = frozenset()
    notices: tuple[str, ...] = ()
    ignored: Mapping[str, str] = field(default_factory=dict)


def read_project(path: Path) -> Project:
    """The settings of a project's file."""
    for place in (path.parent, path):
        if why := ownership.foreign(place):
            if not trust.is_trusted(path):
                return Project(Layer(str(path)), notices=(f"{why}, so {path} is not used.",))
            break
    text, values = document(path)
    _check_keys(path, text, values)
    aliases = read_aliases(path, text, values.pop(ALIASES, {}))
    layer = read_layer(path, text, values)
    layer = Layer(
        layer.place, _placed(path, layer.values), {m: _placed(path, v) for m, v in layer.models.items()}
    )
    for name, model in [("model", layer.values.get("model", "")), *aliases.items()]:
        if _AT_URL in model.rpartition("@")[2]:
            what = f'names a server by its URL for "{name}", which only your own config may do'
            raise invalid(path, what, line_of(text, name) or line_of(text, name, ALIASES))
    layer = replace(layer, aliases={alias: _absolute(path, model) for alias, model in aliases.items()})
    return Project(layer) if trust.is_trusted(path) else _untrusted(path, layer)


def _check_keys(path: Path, text: str, values: Mapping[str, Any]) -> None:
    """Raises MullError for what only the user's own config may set. An unknown key is left to `read_layer`."""
    models = values.get(MODELS)
    tables = models.items() if isinstance(models, dict) else ()
    inner = [(name, model) for model, table in tables if isinstance(table, dict) for name in table]
    for name, model in [*((name, "") for name in values), *inner]:
        known = name in BY_NAME or name in {"endpoints", "theme"}
        if known and name not in SETTABLE:
            place = (MODELS, model) if model else ()
            line = line_of(text, name, *place) or line_of_table(text, name)
            raise invalid(path, f'sets "{name}", which only your own config may set', line)


def _placed(path: Path, values: Values) -> dict[str, Any]:
    """The values with paths from the file's folder. A system prompt's file must lie in that folder."""
    placed = {name: _absolute(path, value) if name in _PATHS else value for name, value in values.items()}
    if "chat_template" in placed:
        placed["chat_template"] = beside(path, placed["chat_template"])
    if "lora" in placed:
        placed["lora"] = adapters_beside(path, placed["lora"])
    system = placed.get("system", "")
    if system.startswith("@") and not system.startswith("@@"):
        folder = Path(os.path.realpath(path.parent))
        file = Path(os.path.realpath(path.parent / system[1:]))
        if not file.is_relative_to(folder):
            raise invalid(path, f'names a file for "system" that is not in the folder {path.parent}')
        placed["system"] = f"@{file}"
    return placed


def _absolute(path: Path, name: str) -> str:
    """A model's name; a relative path counts from the file's folder."""
    from mull.models.naming.reference import is_path

    if not is_path(name) or name.startswith("~"):
        return name
    return str(path.parent / name)


def _untrusted(path: Path, layer: Layer) -> Project:
    """What counts of a file whose folder is not trusted, with a notice that names the rest."""
    rest = {name for values in (layer.values, *layer.models.values()) for name in values} - trust.HARMLESS
    names = [*sorted(rest), *([ALIASES] if layer.aliases else [])]
    harmless = Layer(
        layer.place, _harmless(layer.values), {model: _harmless(v) for model, v in layer.models.items()}
    )
    if not names:
        return Project(harmless)
    folder = shlex.quote(str(path.parent))
    notice = (
        f"{path} sets {', '.join(names)} in vain, as its folder is not trusted: mull templates trust {folder}"
    )
    trusts = f"{path.parent} is not trusted: mull templates trust {folder}"
    ignored = dict.fromkeys(layer.aliases, f"It is an alias in {path.name}, and {trusts}")
    return Project(harmless, frozenset(names), (notice,), ignored)


def _harmless(values: Values) -> Values:
    return {name: value for name, value in values.items() if name in trust.HARMLESS}
