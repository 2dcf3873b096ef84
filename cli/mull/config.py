"""The config file: one table of keys drives reading, checking, `mull config` and the docs.

In: `config.toml` (TOML, flat keys). Out: a frozen `Config` whose values are checked and typed, and the layers of
settings made from it. An unknown key or a wrong value is an error that names the key, never a silent default.
Writing keeps the user's comments and order, and replaces the file in one step.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from mull.errors import MullError
from mull.fs import paths
from mull.fs.atomic import write_atomic
from mull.settings import EngineSettings, ReasoningAsk, Sampling
from mull.suggest import did_you_mean, nearest

CONFIG_FILE = "config.toml"  # in the config folder


@dataclass(frozen=True, slots=True)
class ConfigKey:
    """One setting: its name, type, allowed values, default when unset, and a line of help."""

    name: str
    kind: type
    help: str
    choices: tuple[str, ...] = ()
    default: Any = None
    low: float | None = None


KEYS: tuple[ConfigKey, ...] = (
    ConfigKey("model", str, "the model that answers when -m and MULL_MODEL name none"),
    ConfigKey("reason", bool, "think (true) or not (false); unset: the model's own default"),
    ConfigKey("effort", str, "how much to think", ("low", "medium", "high")),
    ConfigKey("think_budget", int, "at most this many thinking tokens", low=0),
    ConfigKey("thinking", str, "how thinking is shown", ("auto", "show", "fold", "hide"), "auto"),
    ConfigKey("system", str, "a system prompt for every conversation"),
    ConfigKey("markdown", bool, "draw answers as Markdown on a terminal", default=True),
    ConfigKey("max_tokens", int, "at most this many generated tokens, thinking included", low=1),
    ConfigKey("temperature", float, "0 is greedy", low=0),
    ConfigKey("top_k", int, "keep the k likeliest tokens; 0 keeps all", low=0),
    ConfigKey("top_p", float, "keep the likeliest tokens up to this probability", low=0),
    ConfigKey("min_p", float, "drop tokens below this share of the likeliest one", low=0),
    ConfigKey("repeat_penalty", float, "above 1 makes repetition less likely", low=0),
    ConfigKey("presence_penalty", float, "penalty for a token that occurred"),
    ConfigKey("frequency_penalty", float, "penalty per occurrence of a token"),
    ConfigKey("dry_multiplier", float, "strength of the DRY penalty on repeated sequences; 0 is off", low=0),
    ConfigKey("seed", int, "the same seed gives the same answer", low=0),
    ConfigKey("ctx", int, "context size in tokens; unset: what the conversation needs", low=1),
    ConfigKey("threads", int, "CPU threads; unset: one per physical core", low=1),
    ConfigKey("gpu_layers", int, "layers on the GPU; -1 is all of them", low=-1),
    ConfigKey("kv_type", str, "type of the KV cache", ("f16", "q8_0", "q4_0")),
    ConfigKey("batch_size", int, "tokens of a prompt computed at once; unset: 512", low=128),
    ConfigKey(
        "flash_attention",
        bool,
        "compute attention this way; unset: as is quicker for the machine and the context",
    ),
    ConfigKey(
        "draft",
        str,
        "who guesses ahead: auto (the text itself), off (nobody), or a small model's name",
        default="auto",
    ),
    ConfigKey("save", bool, "keep conversations on disk", default=True),
    ConfigKey(
        "prefix_cache", bool, "keep processed prompts on disk, so that none is processed twice", default=True
    ),
    ConfigKey("prefix_cache_gb", float, "their size at most; unset: 4 GB or a tenth of the free disk", low=0),
    ConfigKey("history", bool, "keep the chat's input history on disk", default=True),
    ConfigKey("keys", str, "editing keys at the prompt", ("emacs", "vi"), "emacs"),
    ConfigKey(
        "context_full",
        str,
        "what to do when the context is full",
        ("ask", "stop", "drop", "summarize"),
        "ask",
    ),
    ConfigKey("model_folders", list, "more folders to look for .gguf files in", default=()),
)
_BY_NAME = {key.name: key for key in KEYS}
WORDS = {
    str: "text",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    list: "a list of texts",
}

SettingsT = TypeVar("SettingsT", ReasoningAsk, Sampling, EngineSettings)


@dataclass(frozen=True, slots=True)
class Config:
    """The checked values of one config file; a key that is not set has its default."""

    path: Path
    values: Mapping[str, Any] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Any:
        return self.values.get(name, _BY_NAME[name].default)

    def reasoning(self) -> ReasoningAsk:
        """The reasoning layer."""
        return ReasoningAsk(on=self["reason"], effort=self["effort"], budget=self["think_budget"])

    def sampling(self) -> Sampling:
        """The sampling layer."""
        return self._layer(Sampling)

    def engine(self) -> EngineSettings:
        """The layer of how a model is loaded."""
        return self._layer(EngineSettings)

    def model_folders(self) -> list[Path]:
        """The folders to search for .gguf files, beside the caches of known tools."""
        return [Path(folder) for folder in self["model_folders"]]

    def _layer(self, layer: type[SettingsT]) -> SettingsT:
        return layer(**{f.name: self.values.get(f.name) for f in fields(layer)})


def read_config() -> Config:
    """The user's config file. Raises MullError (invalid_config)."""
    return load(paths.config_dir() / CONFIG_FILE)


def load(path: Path) -> Config:
    """Read and check the file; a missing one is an empty one. Raises MullError (invalid_config)."""
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return Config(path)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise _invalid(path, f"cannot be read: {error}") from error
    return Config(path, {name: _checked(path, name, value) for name, value in values.items()})


def save_value(path: Path, name: str, text: str | None) -> None:
    """Set one key from its text form (None: remove it), keeping comments and order. Raises MullError, OSError."""
    import tomlkit
    from tomlkit.exceptions import ParseError

    key = find_key(name)
    try:
        document = tomlkit.parse(path.read_text(encoding="utf-8")) if path.exists() else tomlkit.document()
    except (OSError, UnicodeDecodeError, ParseError) as error:
        raise _invalid(path, f"cannot be read: {error}") from error
    if text is None:
        document.pop(name, None)
    else:
        document[name] = _checked(path, name, parse(key, text))
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_atomic(path, tomlkit.dumps(document))


def find_key(name: str) -> ConfigKey:
    """The key of that name. Raises MullError (unknown_setting) that names the nearest ones."""
    if key := _BY_NAME.get(name):
        return key
    hint = did_you_mean(nearest(name, _BY_NAME), "mull config lists them all.")
    raise MullError("unknown_setting", f'There is no setting "{name}".', hint)


def show_value(value: Any) -> str:
    """A value as `mull config set` would take it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return os.pathsep.join(value)
    return "" if value is None else str(value)


def parse(key: ConfigKey, text: str) -> Any:
    """A value from its text form, still to be checked."""
    if key.kind is bool:
        word = text.strip().lower()
        on, off = ("true", "on", "yes", "1"), ("false", "off", "no", "0")
        return True if word in on else False if word in off else text
    if key.kind is list:
        return [part for part in text.split(os.pathsep) if part]
    try:
        return key.kind(text)
    except ValueError:
        return text


def check(name: str, value: Any) -> Any:
    """The value of a key, in the key's type. Raises ValueError that says what is wrong, to follow "The config"."""
    key = _BY_NAME.get(name)
    if key is None:
        near = nearest(name, _BY_NAME)
        raise ValueError(f'has an unknown key "{name}"' + (f" (did you mean {near[0]}?)" if near else ""))
    if key.kind is float and type(value) is int:
        value = float(value)
    if not _has_kind(key.kind, value):
        raise ValueError(f'wants {WORDS[key.kind]} for "{name}", not {value!r}')
    if key.choices and value not in key.choices:
        allowed = f"{', '.join(key.choices[:-1])} or {key.choices[-1]}"
        raise ValueError(f'wants {allowed} for "{name}", not {value!r}')
    if key.low is not None and not value >= key.low:
        raise ValueError(f'wants at least {key.low:g} for "{name}", not {value!r}')
    return value


def _checked(path: Path, name: str, value: Any) -> Any:
    try:
        return check(name, value)
    except ValueError as error:
        raise _invalid(path, str(error)) from error


def _has_kind(kind: type, value: Any) -> bool:
    if kind is list:
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def _invalid(path: Path, what: str) -> MullError:
    return MullError("invalid_config", f"The config {what}.", f"mull config edit opens it: {path}")
