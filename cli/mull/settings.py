"""Settings as frozen values; None means unset, so that `over()` can merge layers.

Layers, strongest first: flags, environment, config file, the model's catalogue entry, the built-in defaults.
Nothing here reads a file or knows a flag's spelling.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import field, fields, replace
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar

from mull.dataclass import dataclass

if TYPE_CHECKING:
    from pathlib import Path

    from mull.events import Asked

Effort = Literal["low", "medium", "high"]
ThinkingView = Literal["auto", "show", "fold", "hide"]


LayerT = TypeVar("LayerT", "ReasoningAsk", "Sampling", "EngineSettings")


def over(stronger: LayerT, weaker: LayerT) -> LayerT:
    """Merge two layers, field by field: the stronger one where it is set, else the weaker one."""
    values = {f.name: getattr(stronger, f.name) for f in fields(stronger)}
    return replace(weaker, **{name: value for name, value in values.items() if value is not None})


@dataclass(frozen=True, slots=True)
class ReasoningAsk:
    """How the user wants the model to think. `on` None: the model's default. `budget`: thinking tokens at most."""

    on: bool | None = None
    effort: Effort | None = None
    budget: int | None = None

    @property
    def asked(self) -> Asked:
        """The value of `reasoning.asked` in JSON output; an effort implies on."""
        if self.on is False:
            return "off"
        if self.effort is not None:
            return self.effort
        return "on" if self.on else "default"


@dataclass(frozen=True, slots=True)
class Sampling:
    """A sampler chain's parameters, named as llama.cpp names them. Temperature 0 is greedy; seed None is random.

    `logit_bias`: `TOKEN=VALUE`, as `parse_bias` reads it.
    """

    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    repeat_penalty: float | None = None
    repeat_last_n: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    dry_multiplier: float | None = None
    dry_base: float | None = None
    dry_allowed_length: int | None = None
    dry_penalty_last_n: int | None = None
    typical_p: float | None = None
    top_n_sigma: float | None = None
    xtc_probability: float | None = None
    xtc_threshold: float | None = None
    dynatemp_range: float | None = None
    dynatemp_exponent: float | None = None
    mirostat: int | None = None
    mirostat_tau: float | None = None
    mirostat_eta: float | None = None
    adaptive_target: float | None = None
    adaptive_decay: float | None = None
    logit_bias: Sequence[str] | None = None
    seed: int | None = None

    def __post_init__(self) -> None:
        if isinstance(self.logit_bias, list):  # as files and flags have it
            object.__setattr__(self, "logit_bias", tuple(self.logit_bias))

    @property
    def repeatable(self) -> bool:
        """The same prompt gives the same answer again."""
        return self.seed is not None or self.temperature == 0


DEFAULT_SAMPLING = Sampling(
    # llama.cpp's common defaults (common/common.h, common_params_sampling), except the repeat penalty, which is off
    temperature=0.8,
    top_k=40,
    top_p=0.95,
    min_p=0.05,
    repeat_penalty=1.0,
    repeat_last_n=64,
    presence_penalty=0.0,
    frequency_penalty=0.0,
    dry_multiplier=0.0,
    dry_base=1.75,
    dry_allowed_length=2,
    dry_penalty_last_n=-1,
    typical_p=1.0,
    top_n_sigma=-1.0,
    xtc_probability=0.0,
    xtc_threshold=0.1,
    dynatemp_range=0.0,
    dynatemp_exponent=1.0,
    mirostat=0,
    mirostat_tau=5.0,
    mirostat_eta=0.1,
    adaptive_target=-1.0,
    adaptive_decay=0.9,
    logit_bias=(),
)


_SWITCHES: Mapping[str, tuple[tuple[str, ...], float]] = {
    "xtc_probability": (("xtc_threshold",), 0),
    "dynatemp_range": (("dynatemp_exponent",), 0),
    "mirostat": (("mirostat_tau", "mirostat_eta"), 0),
    "adaptive_target": (("adaptive_decay",), -1),
    "dry_multiplier": (("dry_base", "dry_allowed_length", "dry_penalty_last_n"), 0),
}
"""What switches a sampler on, the parameters that it needs, and the value that is off."""


def without_effect(given: Sampling, applied: Sampling) -> str:
    """A sentence on given parameters whose sampler is off in what applies; empty if there are none."""
    found = [
        f"{', '.join(set_here)} ({switch} is {off:g})"
        for switch, (names, off) in _SWITCHES.items()
        if getattr(applied, switch) in (None, off)
        and (set_here := [name for name in names if getattr(given, name) is not None])
    ]
    return f"Without effect: {'; '.join(found)}." if found else ""


def parse_bias(text: str) -> tuple[int | str, float]:
    """A token id or a text, and what is added to the logits of that token or of the text's tokens.

    `42=-inf`, `Paris=2.5`; digits in double quotes are a text. Raises ValueError with what it has to be.
    """
    token, sign, number = text.rpartition("=")
    try:
        value = float(number)
    except ValueError:
        value = math.nan
    if not (sign and token) or not (-_LARGE <= value <= _LARGE or value == -math.inf):
        raise ValueError("TOKEN=VALUE or TEXT=VALUE, with -inf or a value from -1,000,000 to 1,000,000")
    if token.isdecimal() and token.isascii() and len(token) < 10:
        return int(token), value
    quoted = len(token) > 2 and token[0] == token[-1] == '"'
    return token[1:-1] if quoted else token, value


_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,3})?) ?([smhd]?)", re.ASCII)
_LONGEST = 30 * 86_400  # seconds


class Duration(str):
    """A time as a user writes it: `5m`, `90s`, `1.5h`, `300` (seconds), `off`. Raises ValueError for anything else."""

    __slots__ = ()

    def __new__(cls, text: object) -> Self:
        new = super().__new__(cls, str(text).strip().lower())
        if isinstance(text, bool) or not (new == "off" or _DURATION.fullmatch(new)) or new.seconds > _LONGEST:
            raise ValueError("no time")
        return new

    @property
    def seconds(self) -> float:
        """0 for `off`."""
        found = _DURATION.fullmatch(self)
        return float(found[1]) * _UNITS[found[2] or "s"] if found else 0.0


DRAFT_AUTO, DRAFT_OFF, DRAFT_ALL = "auto", "off", "all"
DEVICE_NONE = "none"


def draft_model_in(draft: str | None) -> str | None:
    """The draft model that a value of `draft` names; None for a way of drafting without one."""
    return None if draft in {None, DRAFT_AUTO, DRAFT_OFF, DRAFT_ALL} else draft


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """How a model is loaded. `ctx` in tokens; `gpu_layers` -1 means all; `kv_type` is f16, q8_0 or q4_0.

    `batch_size`: prompt tokens per prefill step. `cpu_experts`: a mixture's experts stay in main memory while the other
    weights go to the GPU. `device`: names of GPUs with commas between them, or "none". `draft`: speculative decoding by
    prompt lookup ("auto"), "off", in every way that the model allows ("all"), or by a draft model, its name or path.
    `chat_template`: in place of the model's, the name of one of mull's own or the path of a file. `lora`: adapters, as
    `parse_lora` reads them. What is unset follows the rules of `engine/compute_params.py`.
    """

    ctx: int | None = None
    threads: int | None = None
    gpu_layers: int | None = None
    kv_type: str | None = None
    cpu_experts: bool | None = None
    draft: str | None = None
    batch_size: int | None = None
    flash_attention: bool | None = None
    device: str | None = None
    chat_template: str | None = None
    lora: Sequence[str] | None = None

    def __post_init__(self) -> None:
        if isinstance(self.lora, list):
            object.__setattr__(self, "lora", tuple(self.lora))


def parse_lora(text: str) -> tuple[str, float]:
    """A LoRA adapter's file and its scale: `FILE` (1) or `FILE=SCALE`. Raises ValueError with what it has to be."""
    file, sign, number = text.rpartition("=")
    try:
        scale = float(number) if sign else 1.0
    except ValueError:  # the name of the file has that character
        file, scale = text, 1.0
    if not sign:
        file = text
    if not file.strip() or not -_LARGEST_SCALE <= scale <= _LARGEST_SCALE:  # NaN fails this too
        raise ValueError("FILE or FILE=SCALE, with a scale from -1,000 to 1,000")
    return file, scale


_LARGEST_SCALE = 1_000
_INT = 2**31 - 1  # llama.cpp takes 32-bit numbers
_LARGE = 1_000_000  # beyond any useful value, and well within a 32-bit float

LIMITS: Mapping[str, tuple[float, float]] = {
    "think_budget": (0, _INT),
    "max_tokens": (1, _INT),
    "temperature": (0, _LARGE),
    "top_k": (0, _INT),
    "top_p": (0, 1),
    "min_p": (0, 1),
    "repeat_penalty": (0, _LARGE),
    "presence_penalty": (-_LARGE, _LARGE),
    "frequency_penalty": (-_LARGE, _LARGE),
    "dry_multiplier": (0, _LARGE),
    "typical_p": (0, 1),
    "top_n_sigma": (-1, _LARGE),
    "xtc_probability": (0, 1),
    "xtc_threshold": (0, 1),
    "dynatemp_range": (0, _LARGE),
    "dynatemp_exponent": (0, _LARGE),
    "mirostat": (0, 2),
    "mirostat_tau": (0, _LARGE),
    "mirostat_eta": (0, 1),
    "adaptive_target": (-1, 1),
    "adaptive_decay": (0, 0.99),
    "seed": (0, 2**32 - 2),  # 2**32 - 1 means "a random seed" to llama.cpp
    "ctx": (8, _INT),
    "threads": (1, 512),  # llama.cpp aborts the process above it (GGML_MAX_N_THREADS)
    "gpu_layers": (-1, _LARGE),
    "batch_size": (128, 65_536),
    "prefix_cache_gb": (0, _LARGE),
    "notify_after": (0, 86_400),
    "timeout": (1, 30 * 86_400),
    "context": (256, _INT),
}
"""The least and the greatest value of every setting that is a number, the same in flags, config file, prompt templates,
batch lines and the chat's `/set`."""

MAX_PARALLEL = 256
"""The most sequences in one context of llama.cpp (LLAMA_MAX_SEQ)."""


@dataclass(frozen=True, slots=True)
class ParallelSettings:
    """How many turns to decode in parallel: `width`, or the fastest number here for `turns` turns (None: unknown)."""

    width: int | None = None
    turns: int | None = None


@dataclass(frozen=True, slots=True)
class PromptCacheSettings:
    """Where prompts are cached between runs. `limit` in bytes; None: 4 GB or a tenth of the free disk, if less."""

    folder: Path
    limit: int | None = None


FormatKind = Literal["json", "schema", "regex", "choice", "gbnf", "lark"]


@dataclass(frozen=True, slots=True)
class AnswerFormat:
    """The constraint on an answer. `structured/reading.py` makes them, checked.

    `source` is what was asked for: a JSON Schema, a tuple of choices, else text (none for "json", which is any JSON).
    `grammar` is the same for llguidance.
    """

    kind: FormatKind
    source: Any
    grammar: str

    @property
    def is_json(self) -> bool:
        """Whether the answer is JSON and is parsed as such."""
        return self.kind in ("json", "schema")

    @property
    def schema(self) -> Mapping[str, Any] | None:
        """The schema against which the finished answer is validated."""
        return self.source if self.kind == "schema" else None


@dataclass(frozen=True, slots=True)
class TurnSettings:
    """One turn's settings, fully merged. `max_tokens` None: up to the default limit or the context's end.

    `answer_format` constrains the answer, never the thinking. `schema_prompt`: the system prompt tells the model that
    format; None: if the model is large enough (`structured/prompt.py`). `logprobs`: how many of the most likely tokens
    to report with each token of the answer; 0: the token alone, None: no log probabilities. `loop_guard`: end a text
    that repeats itself without end. `continue_answer`: the last message is the beginning of the answer, which the model
    continues; it is part of the result.
    `drawn_seed`: the random seed where `sampling` has none; recorded with the turn, it promises nothing, so that
    drafts are as without.
    """

    reasoning: ReasoningAsk = field(default_factory=ReasoningAsk)
    sampling: Sampling = DEFAULT_SAMPLING
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    answer_format: AnswerFormat | None = None
    schema_prompt: bool | None = False
    logprobs: int | None = None
    loop_guard: bool = True
    continue_answer: bool = False
    drawn_seed: int | None = None
