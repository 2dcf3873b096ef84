"""The settings in force: the user's file, a project's file and the environment, read and merged.

Raises MullError (invalid_config) for a file, UsageError (invalid_setting) for a variable.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from mull.config.aliases import check_circles
from mull.config.environment import read_environment
from mull.config.file import CONFIG_FILE, invalid, load
from mull.config.keys import BY_NAME, ConfigKey
from mull.config.layers import Config, Layer, Values, merged
from mull.config.places import adapters_beside, beside, project_file
from mull.fs import ownership, paths


def read_config() -> Config:
    """The settings that hold here, without those of flags."""
    config = _user()
    project = None
    if file := project_file(_here()):
        from mull.config.project import read_project  # few calls need it, and every start would pay for it

        project = read_project(file)
    between = (project.layer,) if project else ()
    layers = (*config.layers, *between, Layer("", read_environment()))
    aliases = _aliases(config, project.layer) if project else config.aliases
    return replace(
        config,
        values=merged(layers),
        layers=layers,
        aliases=aliases,
        in_vain=project.in_vain if project else frozenset(),
        notices=project.notices if project else (),
        ignored_aliases=project.ignored if project else {},
    )


def _aliases(config: Config, project: Layer) -> Mapping[str, str]:
    """The aliases of both files; the project's goes first where both have one."""
    both = {**config.aliases, **project.aliases}
    try:
        check_circles(both)
    except ValueError as error:
        raise invalid(Path(project.place), f"{error}, with those of your config") from error
    return both


def _here() -> Path | None:
    """The working folder; None when it was deleted."""
    try:
        return Path.cwd()
    except OSError:
        return None


def _user() -> Config:
    """The user's config file.

    From a file that others could have written, only switches, numbers and choices are taken: no text or list, which
    could name a model to load or a folder to search, or be a command one day.
    """
    config = load(paths.config_dir() / CONFIG_FILE)
    (layer,) = config.layers
    models = {model: _placed(config.path, values) for model, values in layer.models.items()}
    layer = replace(layer, values=_placed(config.path, layer.values), models=models)
    config = replace(config, values=layer.values, layers=(layer,))
    named = layer.values or layer.models or config.endpoints or config.aliases
    if not named or ownership.weakness(config.path) is None:
        return config
    models = {model: _harmless(values) for model, values in layer.models.items()}
    layer = Layer(layer.place, _harmless(layer.values), models)
    return Config(config.path, layer.values, layers=(layer,))


def _placed(path: Path, values: Values) -> Values:
    """The values; files of a system prompt, a chat template and adapters count from the config file's folder."""
    if "chat_template" in values:
        values = {**values, "chat_template": beside(path, values["chat_template"])}
    if "lora" in values:
        values = {**values, "lora": adapters_beside(path, values["lora"])}
    system = values.get("system", "")
    if not system.startswith("@") or system.startswith("@@"):
        return values
    return {**values, "system": f"@{path.parent / os.path.expanduser(system[1:])}"}  # noqa: PTH111 - without a home


def _harmless(values: Values) -> Values:
    return {name: value for name, value in values.items() if _is_harmless(BY_NAME[name])}


def _is_harmless(key: ConfigKey) -> bool:
    return bool(key.choices) or key.kind not in {str, list}
