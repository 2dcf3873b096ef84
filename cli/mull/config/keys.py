"""The table of settings: names, types, allowed values and help, and the text form of a value.

`check` validates a typed value of a key, `parse` its text form: the same in the file, `mull config`, the chat's `/set`
and the docs. Both raise ValueError with a predicate.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from mull.config.lists import join_list, split_list
from mull.dataclass import dataclass
from mull.errors import MullError
from mull.fs.text import is_unicode
from mull.settings import LIMITS, Duration, parse_bias, parse_lora
from mull.suggest import did_you_mean, nearest
from mull.terminal.console.theme import THEMES

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
    ConfigKey("system", str, "system prompt of every new conversation; @FILE: the text of a file"),
    ConfigKey("markdown", bool, "render answers as Markdown on a terminal", default=True),
    ConfigKey("math", bool, "show formulas as Unicode text; false: as LaTeX source", default=True),
    ConfigKey("max_tokens", int, "limit on generated tokens, thinking included"),
    ConfigKey(
        "schema_prompt", bool, "tell the model the schema or choices of its answer; unset: if it is large"
    ),
    ConfigKey("loop_guard", bool, "end an answer that repeats itself without end", default=True),
    ConfigKey("temperature", float, "sampling temperature; 0 is greedy"),
    ConfigKey("top_k", int, "sample from the k most likely tokens; 0 is off"),
    ConfigKey("top_p", float, "nucleus sampling: the most likely tokens up to this total probability"),
    ConfigKey("min_p", float, "drop tokens less likely than this share of the most likely one"),
    ConfigKey("repeat_penalty", float, "penalty on repeated tokens; 1 is off"),
    ConfigKey("presence_penalty", float, "penalty on every token that has occurred"),
    ConfigKey("frequency_penalty", float, "penalty on a token for each time it has occurred"),
    ConfigKey("dry_multiplier", float, "strength of the DRY penalty on repeated sequences; 0 is off"),
    ConfigKey("typical_p", float, "locally typical sampling: up to this total probability; 1 is off"),
    ConfigKey("top_n_sigma", float, "drop logits this many standard deviations below the best; -1 is off"),
    ConfigKey(
        "xtc_probability", float, "XTC: how often to drop the most likely tokens but the last; 0 is off"
    ),
    ConfigKey("xtc_threshold", float, "XTC: the tokens at least this likely; above 0.5 is off"),
    ConfigKey("dynatemp_range", float, "dynamic temperature: how far it may differ; 0 is off"),
    ConfigKey("dynatemp_exponent", float, "dynamic temperature: how entropy maps to it"),
    ConfigKey("mirostat", int, "Mirostat version, in place of top-k, top-p and the like; 0 is off"),
    ConfigKey("mirostat_tau", float, "Mirostat: the target entropy"),
    ConfigKey("mirostat_eta", float, "Mirostat: the learning rate"),
    ConfigKey("adaptive_target", float, "adaptive-p: prefer tokens near this probability; -1 is off"),
    ConfigKey("adaptive_decay", float, "adaptive-p: how slowly it adapts"),
    ConfigKey("logit_bias", list, "values to add to logits: TOKEN=VALUE or TEXT=VALUE; -inf bans a token"),
    ConfigKey("seed", int, "random seed; the same seed gives the same answer"),
    ConfigKey("ctx", int, "context size in tokens; unset: as large as the conversation needs"),
    ConfigKey(
        "threads",
        int,
        "CPU threads, fixed; unset: one per physical core, fewer while other programs use the cores",
    ),
    ConfigKey("gpu_layers", int, "layers to offload to the GPU; -1 is all, 0 keeps the GPU out"),
    ConfigKey("device", str, "GPUs to use, as mull doctor names them (Vulkan0,Vulkan1), or none"),
    ConfigKey("kv_type", str, "KV cache quantization", ("f16", "q8_0", "q4_0")),
    ConfigKey("batch_size", int, "prompt tokens per batch; unset: 512"),
    ConfigKey("flash_attention", bool, "flash attention; unset: automatic"),
    ConfigKey(
        "draft",
        str,
        "speculative decoding: auto (prompt lookup), all (also hybrid models and NextN layers), off, or a draft model",
        default="auto",
    ),
    ConfigKey(
        "chat_template",
        str,
        "chat template in place of the file's: a name (chatml, gemma, …) or a Jinja file",
    ),
    ConfigKey("lora", list, "LoRA adapters (.gguf) of the model: FILE or FILE=SCALE"),
    ConfigKey("save", bool, "save conversations to disk", default=True),
    ConfigKey("prefix_cache", bool, "prompt cache on disk: prompts are not processed twice", default=True),
    ConfigKey(
        "prefix_cache_gb", float, "prompt cache limit in GB; unset: 4, or a tenth of the free disk if less"
    ),
    ConfigKey(
        "keep_alive", Duration, "how long a model stays loaded after an answer", default=Duration("off")
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
OF_ALL_MODELS = frozenset(
    {"model", "model_folders", "save", "history", "prefix_cache_gb", "keys", "banner", "title", "notify"}
    | {"notify_after", "theme", "code_theme"}
)
"""What no table `[models."NAME"]` can set: it holds before the model is known, or for several of them."""
LONGEST_NAME = 80  # characters of a model's name in a message
BY_NAME = {key.name: key for key in KEYS}
WORDS = {
    str: "text",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    list: "a list of texts",
    Duration: "a time like 5m, 90s or 1h, at most 30d, or off",
}

_ITEMS: Mapping[str, Callable[[str], object]] = {"logit_bias": parse_bias, "lora": parse_lora}
"""What reads the texts of a list, and raises ValueError with what they have to be."""
_BOOLEANS = dict.fromkeys(("true", "on", "yes", "1"), True) | dict.fromkeys(
    ("false", "off", "no", "0"), False
)


def find_key(name: str) -> ConfigKey:
    """The key of that name. Raises MullError (unknown_setting) that suggests similar ones."""
    if key := BY_NAME.get(name):
        return key
    hint = did_you_mean(nearest(name, BY_NAME), "mull config lists them all.")
    raise MullError("unknown_setting", f'There is no setting "{name}".', hint)


def show_value(value: Any) -> str:
    """The text form of a value, as `parse` reads it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return join_list(value)
    return "" if value is None else str(value)


def parse(name: str, text: str) -> Any:
    """The value of a key from its text form. Raises ValueError as `check` does."""
    key = BY_NAME.get(name)
    return check(name, parse_kind(key, text) if key else text)


def parse_kind(key: ConfigKey, text: str) -> Any:
    """A text as a value of the key's type; the text itself if it is none."""
    if key.kind is bool:
        return _BOOLEANS.get(text.strip().lower(), text)
    if key.kind is list:
        return _texts(key, text)
    try:
        return key.kind(text)
    except ValueError:
        return text


def _texts(key: ConfigKey, text: str) -> list[str]:
    try:
        return split_list(text)
    except ValueError as error:
        raise ValueError(f'expects {error} for "{key.name}", not {_shown(text)}') from error


def check(name: str, value: Any) -> Any:
    """Validate the value of a key and return it in the key's type.

    Raises ValueError with a predicate that follows its subject: "The config", "/set", "--vs", ….
    """
    key = BY_NAME.get(name)
    if key is None:
        near = nearest(name, BY_NAME)
        raise ValueError(f'has an unknown key "{name}"' + (f" (did you mean {near[0]}?)" if near else ""))
    return check_kind(key, value)


def check_of_model(model: str, name: str, value: Any) -> Any:
    """`check` for a table `[models."NAME"]`, which has only what may differ between models."""
    if name in OF_ALL_MODELS:
        raise ValueError(f'cannot set "{name}" for the model "{model[:LONGEST_NAME]}" alone')
    return check(name, value)


def check_kind(key: ConfigKey, value: Any) -> Any:
    """Validate a value by the key's type, choices and limits, and return it in the key's type. Raises as `check`."""
    if key.kind is float and type(value) is int:
        with suppress(OverflowError):
            value = float(value)
    if isinstance(value, str | list) and not is_unicode("".join(map(str, value))):
        raise ValueError(f'expects UTF-8 text for "{key.name}"')
    if key.kind is Duration:
        with suppress(ValueError):
            value = Duration(value)
    allowed = has_kind(key.kind, value) and not (key.choices and value not in key.choices)
    if allowed and key.limits is not None:
        allowed = key.limits[0] <= value <= key.limits[1]  # False for NaN
    if allowed and key.name in _ITEMS:
        for item in value:
            try:
                _ITEMS[key.name](item)
            except ValueError as error:
                raise ValueError(f'expects {error} in "{key.name}", not {_shown(item)}') from error
    if not allowed:
        raise ValueError(f'expects {key.values} for "{key.name}", not {_shown(value)}')
    return value


def _shown(value: Any) -> str:
    try:
        text = repr(value)
    except ValueError:  # Python converts no integer of more than 4,300 digits
        return "a number of thousands of digits"
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


def has_kind(kind: type, value: Any) -> bool:
    """Whether a value is of a key's type; True and False are no numbers."""
    if kind is list:
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
