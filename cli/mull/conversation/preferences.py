"""How the user wants turns to be generated and shown; in a chat it can change between any two turns.

In: what flags, environment and config say, then `/set`, `/reason` and `/effort`. Out: a turn's `TurnSettings`, with the
backend's sampling where the user has set none. Values are checked against the config's table
of keys.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, field, fields, replace
from typing import Any, TypeVar, get_args

from mull import config
from mull.dataclass import dataclass
from mull.errors import MullError, UsageError
from mull.settings import (
    AnswerFormat,
    Effort,
    ReasoningAsk,
    Sampling,
    ThinkingView,
    TurnSettings,
    over,
)
from mull.suggest import did_you_mean, nearest

Advice = Callable[
    [bool | None], Sampling
]  # thinking on, off, or unset → the sampling where the user sets none

Layer = TypeVar("Layer", "Preferences", Sampling)

_SAMPLING = tuple(f.name for f in fields(Sampling) if f.name in {key.name for key in config.KEYS})
SETTABLE: tuple[str, ...] = (
    *_SAMPLING,
    "max_tokens",
    "loop_guard",
    "think_budget",
    "thinking",
    "markdown",
    "math",
    "context_full",
)


@dataclass(frozen=True, slots=True)
class Preferences:
    """The user's side of the settings; what is None is left to the model. Changing one makes a new value.

    `thinking` says how thinking is shown, `context_full` what to do when the context is full.
    """

    reasoning: ReasoningAsk = field(default_factory=ReasoningAsk)
    sampling: Sampling = field(default_factory=Sampling)
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    answer_format: AnswerFormat | None = None
    schema_prompt: bool | None = None
    logprobs: int | None = None
    thinking: ThinkingView = "auto"
    markdown: bool = True
    math: bool = True
    context_full: str = "ask"
    loop_guard: bool = True

    def turn_settings(self, advice: Advice, once: ReasoningAsk | None = None) -> TurnSettings:
        """One turn's settings; `once` replaces the reasoning preference for this turn."""
        reasoning = once or self.reasoning
        return TurnSettings(
            reasoning=reasoning,
            sampling=over(self.sampling, advice(reasoning.on)),
            max_tokens=self.max_tokens,
            stop=self.stop,
            answer_format=self.answer_format,
            schema_prompt=self.schema_prompt,
            logprobs=self.logprobs,
            loop_guard=self.loop_guard,
        )

    @property
    def reasoning_text(self) -> str:
        """The reasoning preference in words: `on`, `off`, `low`, `auto`, `on, at most 100 tokens`."""
        ask = self.reasoning
        word = "auto" if ask.asked == "default" else ask.asked
        limited = ask.budget is not None and ask.on is not False
        return f"{word}, at most {ask.budget:,} tokens" if limited else word

    def with_thinking(self, on: bool | None) -> Preferences:
        """Thinking switched on, off, or back to the model's default (None). Switching it off drops the budget."""
        budget = self.reasoning.budget if on is not False else None
        return replace(self, reasoning=ReasoningAsk(on=on, budget=budget))

    def with_effort(self, effort: Effort | None) -> Preferences:
        """Thinking at this effort, without a budget; None: as the model does by default, unless it is switched off."""
        if effort is None:
            on = False if self.reasoning.on is False else None
            return replace(self, reasoning=replace(self.reasoning, effort=None, on=on))
        return replace(self, reasoning=ReasoningAsk(on=True, effort=effort))

    def with_setting(self, name: str, text: str) -> Preferences:
        """One setting changed, from its text form; `none` resets it. Raises UsageError."""
        value = _value(name, text)
        if name in _SAMPLING:
            return replace(self, sampling=replace(self.sampling, **{name: value}))
        if name == "think_budget":
            on = True if value is not None else self.reasoning.on
            return replace(self, reasoning=replace(self.reasoning, budget=value, on=on))
        return replace(self, **{name: value})

    def moved(self, before: Preferences, after: Preferences) -> Preferences:
        """These for another model: what is as in `before` becomes as in `after`, what was changed stays."""
        return _moved(self, before, after)

    def rows(self, advice: Advice) -> list[tuple[str, str, bool]]:
        """Every settable name, its effective value, and whether the user has set it."""
        settings = self.turn_settings(advice)
        rows = []
        for name in SETTABLE:
            if name in _SAMPLING:
                own, value = getattr(self.sampling, name), getattr(settings.sampling, name)
            elif name == "think_budget":
                own = value = self.reasoning.budget
            else:
                value = getattr(self, name)
                own = value if value != config.find_key(name).default else None
            rows.append((name, config.show_value(value) or "none", own is not None))
        return rows


def _moved(mine: Layer, before: Layer, after: Layer) -> Layer:
    changed = {}
    for name in (f.name for f in fields(mine)):
        own, old, new = (getattr(one, name) for one in (mine, before, after))
        if isinstance(own, Sampling):
            changed[name] = _moved(own, old, new)
        elif own == old:
            changed[name] = new
    return replace(mine, **changed)


def _value(name: str, text: str) -> Any:
    if name not in SETTABLE:
        raise MullError(
            "unknown_setting",
            f'There is no setting "{name}".',
            did_you_mean(nearest(name, SETTABLE, prefixes=True), "/set alone lists them."),
        )
    key = config.find_key(name)
    if text.lower() in {"none", "default"}:
        return key.default
    try:
        return config.parse(name, text)
    except ValueError as error:
        raise UsageError("invalid_setting", f"/set {error}.", f"{name}: {key.help}.") from error


def asked_before(settings: Mapping[str, Any]) -> ReasoningAsk:
    """How a stored turn was asked to think, from its `plain_settings`; what is damaged is left out."""
    asked, budget = settings.get("reason"), settings.get("think_budget")
    effort = next((level for level in get_args(Effort) if level == asked), None)
    on = {"on": True, "off": False}.get(str(asked), True if effort else None)
    return ReasoningAsk(on, effort, budget if type(budget) is int and budget >= 0 else None)


def format_before(settings: Mapping[str, Any]) -> AnswerFormat | None:
    """The answer's format in a stored turn, from its `plain_settings`. Raises MullError where it is none any more."""
    recorded = settings.get("answer_format")
    if not isinstance(recorded, dict) or not recorded:
        return None
    from mull.api.formats import take_format

    return take_format(dict(recorded))


def plain_settings(settings: TurnSettings) -> dict[str, Any]:
    """The settings as JSON values, without unset ones; the answer's format as a request has it."""
    from mull.api.formats import format_fields

    values = asdict(settings.sampling) | {
        "logit_bias": list(settings.sampling.logit_bias or ()) or None,
        "reason": settings.reasoning.asked,
        "think_budget": settings.reasoning.budget,
        "max_tokens": settings.max_tokens,
        "stop": list(settings.stop) or None,
        "loop_guard": None if settings.loop_guard else False,
        "logprobs": settings.logprobs,
        "answer_format": format_fields(settings.answer_format) or None,
        "schema_prompt": settings.schema_prompt if settings.answer_format is not None else None,
        "drawn_seed": settings.drawn_seed,
        "continue_answer": settings.continue_answer or None,
    }
    return {name: value for name, value in values.items() if value is not None}
