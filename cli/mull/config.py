"""The config file: one table of keys drives reading, validation, `mull config`, the chat's `/set` and the docs.

In: `config.toml` (TOML, flat keys). Out: a frozen `Config` of typed values, and the layers of settings made from it.
Raises MullError (invalid_config, invalid_setting, unknown_setting) that names the key. Writing preserves the user's
comments and order, and is atomic. `check` validates a typed value of a key, `parse` its text form: the same everywhere.
"""

from __future__ import annotations

import math
import os
import tomllib
from collections.abc import Mapping
from contextlib import suppress
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
    """One setting: its name, type, allowed values, default, least value, and a line of help."""

    name: str
    kind: type
    help: str
    choices: tuple[str, ...] = ()
    default: Any = None
    low: float | None = None


KEYS: tuple[ConfigKey, ...] = (
    ConfigKey("model", str, "the model to use when neither -m nor MULL_MODEL names one"),
    ConfigKey("reason", bool, "turn thinking on or off; unset: the model's default"),
    ConfigKey("effort", str, "reasoning effort", ("low", "medium", "high")),
    ConfigKey("think_budget", int, "limit on thinking tokens", low=0),
    ConfigKey("thinking", str, "how thinking is shown", ("auto", "show", "fold", "hide"), "auto"),
    ConfigKey("system", str, "system prompt of every new conversation"),
    ConfigKey("markdown", bool, "render answers as Markdown on a terminal", default=True),
    ConfigKey("max_tokens", int, "limit on generated tokens, thinking included", low=1),
    ConfigKey("temperature", float, "sampling temperature; 0 is greedy", low=0),
    ConfigKey("top_k", int, "sample from the k most likely tokens; 0 is off", low=0),
    ConfigKey(
        "top_p",
        float,
        "nucleus sampling: the most likely tokens up to this total probability",
        low=0,
    ),
    ConfigKey("min_p", float, "drop tokens less likely than this share of the most likely one", low=0),
    ConfigKey("repeat_penalty", float, "penalty on repeated tokens; 1 is off", low=0),
    ConfigKey("presence_penalty", float, "penalty on every token that has occurred"),
    ConfigKey("frequency_penalty", float, "penalty on a token for each time it has occurred"),
    ConfigKey("dry_multiplier", float, "strength of the DRY penalty on repeated sequences; 0 is off", low=0),
    ConfigKey("seed", int, "random seed; the same seed gives the same answer", low=0),
    ConfigKey("ctx", int, "context size in tokens; unset: as large as the conversation needs", low=1),
    ConfigKey("threads", int, "CPU threads; unset: one per physical core", low=1),
    ConfigKey("gpu_layers", int, "layers to offload to the GPU; -1 is all", low=-1),
    ConfigKey("kv_type", str, "KV cache quantization", ("f16", "q8_0", "q4_0")),
    ConfigKey("batch_size", int, "prompt tokens per batch; unset: 512", low=128),
    ConfigKey(
        "flash_attention",
        bool,
        "flash attention; unset: automatic",
    ),
    ConfigKey(
        "draft",
        str,
        "speculative decoding: auto (prompt lookup), off, or a draft model",
        default="auto",
    ),
    ConfigKey("save", bool, "save conversations to disk", default=True),
    ConfigKey("prefix_cache", bool, "prompt cache on disk: prompts are not processed twice", default=True),
    ConfigKey(
        "prefix_cache_gb",
        float,
        "prompt cache limit in GB; unset: 4, or a tenth of the free disk if less",
        low=0,
    ),
    ConfigKey("history", bool, "save the chat's input history to disk", default=True),
    ConfigKey("keys", str, "key bindings of the prompt", ("emacs", "vi"), "emacs"),
    ConfigKey(
        "context_full",
        str,
        "what to do when the context is full",
        ("ask", "stop", "drop", "summarize"),
        "ask",
    ),
    ConfigKey("model_folders", list, "further folders with .gguf files", default=()),
)
_BY_NAME = {key.name: key for key in KEYS}
WORDS = {
    str: "text",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    list: "a list of texts",
}

_BOOLEANS = dict.fromkeys(("true", "on", "yes", "1"), True) | dict.fromkeys(
    ("false", "off", "no", "0"), False
)

SettingsT = TypeVar("SettingsT", ReasoningAsk, Sampling, EngineSettings)


@dataclass(frozen=True, slots=True)
class Config:
    """The values of one config file; a key that is not set has its default."""

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
        """The layer of settings that a model is loaded with."""
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
    """Read and validate the file; a missing one is an empty one. Raises MullError (invalid_config)."""
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return Config(path)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise _invalid(path, f"cannot be read: {error}") from error
    try:
        return Config(path, {name: check(name, value) for name, value in values.items()})
    except ValueError as error:
        raise _invalid(path, str(error)) from error


def save_value(path: Path, name: str, text: str | None) -> None:
    """Set one key from its text form (None: remove it), preserving comments and order. Raises MullError, OSError."""
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
        try:
            document[name] = parse(name, text)
        except ValueError as error:
            raise MullError("invalid_setting", f"mull config set {error}.", f"{name}: {key.help}.") from error
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_atomic(path, tomlkit.dumps(document))


def find_key(name: str) -> ConfigKey:
    """The key of that name. Raises MullError (unknown_setting) that suggests similar ones."""
    if key := _BY_NAME.get(name):
        return key
    hint = did_you_mean(nearest(name, _BY_NAME), "mull config lists them all.")
    raise MullError("unknown_setting", f'There is no setting "{name}".', hint)


def show_value(value: Any) -> str:
    """The text form of a value, as `parse` reads it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return os.pathsep.join(value)
    return "" if value is None else str(value)


def parse(name: str, text: str) -> Any:
    """The value of a key from its text form. Raises ValueError as `check` does."""
    key = _BY_NAME.get(name)
    value: Any = text
    if key is None:
        pass
    elif key.kind is bool:
        value = _BOOLEANS.get(text.strip().lower(), text)
    elif key.kind is list:
        value = [part for part in text.split(os.pathsep) if part]
    else:
        with suppress(ValueError):
            value = key.kind(text)
    return check(name, value)


def check(name: str, value: Any) -> Any:
    """Validate the value of a key and return it in the key's type.

    Raises ValueError with a predicate that follows its subject: "The config", "/set", "--vs", ….
    """
    key = _BY_NAME.get(name)
    if key is None:
        near = nearest(name, _BY_NAME)
        raise ValueError(f'has an unknown key "{name}"' + (f" (did you mean {near[0]}?)" if near else ""))
    if key.kind is float and type(value) is int:
        value = float(value)
    if not _has_kind(key.kind, value) or (key.kind is float and not math.isfinite(value)):
        raise ValueError(f'expects {WORDS[key.kind]} for "{name}", not {value!r}')
    if key.choices and value not in key.choices:
        allowed = f"{', '.join(key.choices[:-1])} or {key.choices[-1]}"
        raise ValueError(f'expects {allowed} for "{name}", not {value!r}')
    if key.low is not None and not value >= key.low:
        raise ValueError(f'expects at least {key.low:g} for "{name}", not {value!r}')
    return value


def _has_kind(kind: type, value: Any) -> bool:
    if kind is list:
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def _invalid(path: Path, what: str) -> MullError:
    return MullError("invalid_config", f"The config {what}.", f"mull config edit opens it: {path}")
