"""The config file: one table of keys drives reading, validation, `mull config`, the chat's `/set` and the docs.

In: `config.toml` (TOML, flat keys). Out: a frozen `Config` of typed values, and the layers of settings made from it.
Raises MullError (invalid_config, invalid_setting, unknown_setting) that names the key. Writing preserves the user's
comments and order, and is atomic. `check` validates a typed value of a key, `parse` its text form: the same everywhere.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from mull.errors import MullError
from mull.fs import ownership, paths
from mull.fs.atomic import create_atomic, write_atomic_through
from mull.fs.text import read_utf8, reason
from mull.fs.toml_text import check_toml, line_of, loads
from mull.settings import LIMITS, EngineSettings, ReasoningAsk, Sampling
from mull.suggest import did_you_mean, nearest
from mull.terminal.console.theme import THEMES, Override, ThemeChoice, check_overrides

CONFIG_FILE = "config.toml"  # in the config folder
_LONGEST = 1 << 20  # bytes of the file
_LONGEST_SHOWN = 60  # characters of a wrong value in a message


@dataclass(frozen=True, slots=True)
class ConfigKey:
    """One setting: its name, type, a line of help, allowed values, and default."""

    name: str
    kind: type
    help: str
    choices: tuple[str, ...] = ()
    default: Any = None

    @property
    def limits(self) -> tuple[float, float] | None:
        """The least and the greatest value of a number."""
        return LIMITS.get(self.name)

    @property
    def values(self) -> str:
        """The values that it takes, in words: "a whole number from 1 to 512"."""
        if self.choices:
            return f"{', '.join(self.choices[:-1])} or {self.choices[-1]}"
        if self.limits is None:
            return WORDS[self.kind]
        low, high = self.limits
        return f"{WORDS[self.kind]} from {low:,} to {high:,}"


KEYS: tuple[ConfigKey, ...] = (
    ConfigKey("model", str, "the model to use when neither -m nor MULL_MODEL names one"),
    ConfigKey("reason", bool, "turn thinking on or off; unset: the model's default"),
    ConfigKey("effort", str, "reasoning effort", ("low", "medium", "high")),
    ConfigKey("think_budget", int, "limit on thinking tokens"),
    ConfigKey("thinking", str, "how thinking is shown", ("auto", "show", "fold", "hide"), "auto"),
    ConfigKey("system", str, "system prompt of every new conversation"),
    ConfigKey("markdown", bool, "render answers as Markdown on a terminal", default=True),
    ConfigKey("math", bool, "show formulas as Unicode text; false: as LaTeX source", default=True),
    ConfigKey("max_tokens", int, "limit on generated tokens, thinking included"),
    ConfigKey("loop_guard", bool, "end an answer that repeats itself without end", default=True),
    ConfigKey("temperature", float, "sampling temperature; 0 is greedy"),
    ConfigKey("top_k", int, "sample from the k most likely tokens; 0 is off"),
    ConfigKey("top_p", float, "nucleus sampling: the most likely tokens up to this total probability"),
    ConfigKey("min_p", float, "drop tokens less likely than this share of the most likely one"),
    ConfigKey("repeat_penalty", float, "penalty on repeated tokens; 1 is off"),
    ConfigKey("presence_penalty", float, "penalty on every token that has occurred"),
    ConfigKey("frequency_penalty", float, "penalty on a token for each time it has occurred"),
    ConfigKey("dry_multiplier", float, "strength of the DRY penalty on repeated sequences; 0 is off"),
    ConfigKey("seed", int, "random seed; the same seed gives the same answer"),
    ConfigKey("ctx", int, "context size in tokens; unset: as large as the conversation needs"),
    ConfigKey("threads", int, "CPU threads; unset: one per physical core"),
    ConfigKey("gpu_layers", int, "layers to offload to the GPU; -1 is all, 0 keeps the GPU out"),
    ConfigKey("device", str, "GPUs to use, as mull doctor names them (Vulkan0,Vulkan1), or none"),
    ConfigKey("kv_type", str, "KV cache quantization", ("f16", "q8_0", "q4_0")),
    ConfigKey("batch_size", int, "prompt tokens per batch; unset: 512"),
    ConfigKey("flash_attention", bool, "flash attention; unset: automatic"),
    ConfigKey(
        "draft", str, "speculative decoding: auto (prompt lookup), off, or a draft model", default="auto"
    ),
    ConfigKey("save", bool, "save conversations to disk", default=True),
    ConfigKey("prefix_cache", bool, "prompt cache on disk: prompts are not processed twice", default=True),
    ConfigKey(
        "prefix_cache_gb", float, "prompt cache limit in GB; unset: 4, or a tenth of the free disk if less"
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
    ConfigKey(
        "banner",
        str,
        "the start of a chat: a card, one line or nothing; unset: a card, and one line after ten conversations",
        ("full", "line", "off"),
    ),
    ConfigKey("title", bool, "name the conversation in the terminal's title", default=True),
    ConfigKey(
        "notify", str, "announce a slow answer: a notification or the bell", ("auto", "bell", "off"), "auto"
    ),
    ConfigKey("notify_after", int, "seconds that an answer takes before it is announced", default=20),
    ConfigKey("theme", str, "colours of the terminal; [theme] changes single styles", THEMES, "auto"),
    ConfigKey("code_theme", str, "a theme of Pygments for source code; unset: the theme's own styles"),
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
    """The values of one config file; a key that is not set has its default. `styles`: those of `[theme]`."""

    path: Path
    values: Mapping[str, Any] = field(default_factory=dict)
    styles: Mapping[str, Override] = field(default_factory=dict)

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

    def theme(self) -> ThemeChoice:
        """The theme, and the styles that differ from it."""
        return ThemeChoice(self["theme"], self.styles, self["code_theme"] or "")

    def _layer(self, layer: type[SettingsT]) -> SettingsT:
        return layer(**{f.name: self.values.get(f.name) for f in fields(layer)})


def read_config() -> Config:
    """The user's config file. Raises MullError (invalid_config).

    From a file that others could have written, only switches, numbers and choices are taken: no text or list, which
    could name a model to load or a folder to search, or be a command one day.
    """
    config = load(paths.config_dir() / CONFIG_FILE)
    if not config.values or ownership.weakness(config.path) is None:
        return config
    harmless = {name: value for name, value in config.values.items() if _is_harmless(_BY_NAME[name])}
    return Config(config.path, harmless)


def _is_harmless(key: ConfigKey) -> bool:
    return bool(key.choices) or key.kind not in {str, list}


def load(path: Path) -> Config:
    """Read and validate the file; a missing one is an empty one. Raises MullError (invalid_config)."""
    try:
        text = read_utf8(path, most=_LONGEST)
        values = loads(text)
    except (FileNotFoundError, NotADirectoryError):
        return Config(path)
    except (OSError, ValueError, RecursionError) as error:  # a TOMLDecodeError is a ValueError
        raise _invalid(path, f"cannot be read: {reason(error)}") from error
    styles: dict[str, Override] = {}
    if isinstance(values.get("theme"), dict):
        styles, values["theme"] = _styles(path, text, values["theme"])
    checked = {}
    for name, value in values.items():
        try:
            checked[name] = check(name, value)
        except ValueError as error:
            line = line_of(text, name)
            raise _invalid(path, str(error), f"line {line} of {path}" if line else "") from error
    return Config(path, checked, styles)


def _styles(path: Path, text: str, table: dict[str, Any]) -> tuple[dict[str, Override], Any]:
    """The styles of the table `[theme]` with their places, and the name of the theme that they change (`base`)."""
    places = {}
    for name, value in table.items():
        line = line_of(text, name, "theme")
        places[name] = f"line {line} of {path}" if line else str(path)
        try:
            check_overrides({name: value})
        except ValueError as error:
            raise _invalid(path, str(error), places[name]) from error
    base = table.pop("base", _BY_NAME["theme"].default)
    return {name: Override(value, places[name]) for name, value in table.items()}, base


def save_value(path: Path, name: str, text: str | None) -> None:
    """Set one key from its text form (None: remove it), preserving comments and order. Raises MullError, OSError.

    Several processes may do so at once: each sees what the others have written.
    """
    import tomlkit  # noqa: F401 - it takes a while, and the others wait

    with _sole_writer(path):
        _save_value(path, name, text)


@contextmanager
def edited(path: Path) -> Iterator[None]:
    """Create the file with every key as a comment, if missing, and be its only writer meanwhile. Raises as above."""
    with _sole_writer(path):
        create_atomic(path, "".join(f"# {key.name} = …   # {key.help}\n" for key in KEYS))
        yield


@contextmanager
def _sole_writer(path: Path) -> Iterator[None]:
    from mull.fs.lock import FileInUse, locked

    paths.private_dir(path.parent)
    try:
        with locked(path):
            yield
    except FileInUse as error:
        raise MullError("file_in_use", f"{error.strerror}.", "Close the editor that has it open.") from error


def _save_value(path: Path, name: str, text: str | None) -> None:
    import tomlkit
    from tomlkit.exceptions import ParseError

    try:
        text_now = read_utf8(path, most=_LONGEST) if path.exists() else ""
        check_toml(text_now)
        document = tomlkit.parse(text_now)
    except (OSError, ValueError, RecursionError, ParseError) as error:
        raise _invalid(path, f"cannot be read: {reason(error)}") from error
    if text is None:
        if name == "theme" and isinstance(document.get(name), dict):
            document[name].pop("base", None)  # the single styles stay
        elif name in document:  # an unknown key in the file is removed too: it makes the file invalid
            document.pop(name)
        else:
            find_key(name)
    else:
        key = find_key(name)
        try:
            value = parse(name, text)
            if name == "theme" and isinstance(document.get(name), dict):  # [theme] has single styles
                document[name]["base"] = value
            else:
                document[name] = value
        except ValueError as error:
            raise MullError("invalid_setting", f"mull config set {error}.", f"{name}: {key.help}.") from error
    write_atomic_through(path, tomlkit.dumps(document))


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
        with suppress(OverflowError):
            value = float(value)
    allowed = _has_kind(key.kind, value) and not (key.choices and value not in key.choices)
    if allowed and key.limits is not None:
        allowed = key.limits[0] <= value <= key.limits[1]  # False for NaN
    if not allowed:
        raise ValueError(f'expects {key.values} for "{name}", not {_shown(value)}')
    return value


def _shown(value: Any) -> str:
    try:
        text = repr(value)
    except ValueError:  # Python converts no integer of more than 4,300 digits
        return "a number of thousands of digits"
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


def _has_kind(kind: type, value: Any) -> bool:
    if kind is list:
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def _invalid(path: Path, what: str, place: str = "") -> MullError:
    return MullError("invalid_config", f"The config {what}.", f"mull config edit opens it: {place or path}")
