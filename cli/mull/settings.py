"""What can be set: frozen values, `None` meaning "not said", so that layers merge by `over()`.

Layers, strongest first: flags, environment, config file, the model's catalogue entry, the built-in defaults.
Nothing here reads a file or knows a flag's spelling.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Literal, TypeVar

if TYPE_CHECKING:
    from pathlib import Path

    from mull.events import Asked

Effort = Literal["low", "medium", "high"]
ThinkingView = Literal["auto", "show", "fold", "hide"]


LayerT = TypeVar("LayerT", "ReasoningAsk", "Sampling", "EngineSettings")


def over(stronger: LayerT, weaker: LayerT) -> LayerT:
    """The stronger layer where it says something, else the weaker one, field by field."""
    said = {f.name: getattr(stronger, f.name) for f in fields(stronger)}
    return replace(weaker, **{name: value for name, value in said.items() if value is not None})


@dataclass(frozen=True, slots=True)
class ReasoningAsk:
    """What the user asked of the thinking. `on` None: the model's own default. `budget` in tokens."""

    on: bool | None = None
    effort: Effort | None = None
    budget: int | None = None

    @property
    def asked(self) -> Asked:
        """The word for the JSON result: effort implies on."""
        if self.on is False:
            return "off"
        if self.effort is not None:
            return self.effort
        return "on" if self.on else "default"


@dataclass(frozen=True, slots=True)
class Sampling:
    """A sampler chain's parameters, named as llama.cpp names them. Temperature 0 is greedy; seed None is random."""

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
    seed: int | None = None

    @property
    def repeatable(self) -> bool:
        """Whether the same prompt should give the same answer again."""
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
)


DRAFT_AUTO, DRAFT_OFF = "auto", "off"


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """How a model is loaded. `ctx` in tokens; `gpu_layers` -1 means all; `kv_type` is f16, q8_0 or q4_0.

    `batch_size`: tokens of a prompt computed at once. What is not said follows the rules of `engine.rules`.

    `cpu_experts`: a mixture's experts stay in main memory while the rest goes to the GPU.
    `draft` says who guesses ahead: "auto" the text itself, "off" nobody, anything else is the path of a model.
    """

    ctx: int | None = None
    threads: int | None = None
    gpu_layers: int | None = None
    kv_type: str | None = None
    cpu_experts: bool | None = None
    draft: str | None = None
    batch_size: int | None = None
    flash_attention: bool | None = None


MAX_PARALLEL = 256
"""Sequences that llama.cpp can keep apart in one context (LLAMA_MAX_SEQ)."""


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


@dataclass(frozen=True, slots=True)
class AnswerFormat:
    """What the answer must look like: a checked GBNF grammar with a rule `root`.

    `is_json`: what fits it is JSON, and is read as such once more; `schema` is what that is then checked against.
    """

    grammar: str
    schema: Mapping[str, Any] | None = None
    is_json: bool = False


@dataclass(frozen=True, slots=True)
class TurnSettings:
    """One turn's settings, fully merged. `max_tokens` None: up to the default limit or the context's end.

    `shape` binds the answer, never the thinking. `logprobs`: how many of the likeliest tokens to name beside each token
    of the answer; None: none at all, 0: only the token itself.
    """

    reasoning: ReasoningAsk = field(default_factory=ReasoningAsk)
    sampling: Sampling = DEFAULT_SAMPLING
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    answer_format: AnswerFormat | None = None
    logprobs: int | None = None
