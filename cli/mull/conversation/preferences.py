"""What the user of a chat wants of its turns, changeable between any two of them.

In: the layers that flags and config have said, then `/set`, `/reason` and `/effort`. Out: a turn's `TurnSettings`,
merged with what the model's vendor advises. Values are checked against the config's own table of keys.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import Any

from mull import config
from mull.errors import UsageError
from mull.settings import (
    DEFAULT_SAMPLING,
    AnswerFormat,
    ReasoningAsk,
    Sampling,
    ThinkingView,
    TurnSettings,
    over,
)
from mull.suggest import did_you_mean, nearest

Advice = Callable[[bool | None], Sampling]  # thinking on, off, or unsaid → what the vendor advises

_SAMPLING = tuple(f.name for f in fields(Sampling) if f.name in {key.name for key in config.KEYS})
SETTABLE: tuple[str, ...] = (*_SAMPLING, "max_tokens", "think_budget", "thinking", "markdown", "context_full")


@dataclass(slots=True)
class Preferences:
    """The user's side of the settings. `sampling` holds only what was said; `None` leaves a value to the model."""

    reasoning: ReasoningAsk = field(default_factory=ReasoningAsk)
    sampling: Sampling = field(default_factory=Sampling)
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    answer_format: AnswerFormat | None = None
    logprobs: int | None = None
    thinking: ThinkingView = "auto"
    markdown: bool = True
    context_full: str = "ask"

    def turn_settings(self, advice: Advice, once: ReasoningAsk | None = None) -> TurnSettings:
        """One turn's settings; `once` replaces the standing wish about thinking."""
        reasoning = once or self.reasoning
        sampling = over(self.sampling, over(advice(reasoning.on), DEFAULT_SAMPLING))
        return TurnSettings(
            reasoning, sampling, self.max_tokens, self.stop, self.answer_format, self.logprobs
        )

    def think(self, on: bool | None) -> None:
        """Switch the thinking; a budget stays only where thinking stays."""
        budget = self.reasoning.budget if on is not False else None
        self.reasoning = ReasoningAsk(on=on, budget=budget)

    @property
    def said(self) -> str:
        """The wish about thinking in words: `on`, `off`, `low`, `auto`, `on, at most 100 tokens`."""
        ask = self.reasoning
        word = "auto" if ask.asked == "default" else ask.asked
        limited = ask.budget is not None and ask.on is not False
        return f"{word}, at most {ask.budget:,} tokens" if limited else word

    def set(self, name: str, text: str) -> None:
        """Change one setting from its text form; `none` takes it back. Raises UsageError."""
        value = _value(name, text)
        if name in _SAMPLING:
            self.sampling = replace(self.sampling, **{name: value})
        elif name == "think_budget":
            on = True if value is not None else self.reasoning.on
            self.reasoning = replace(self.reasoning, budget=value, on=on)
        else:
            setattr(self, name, value)

    def shown(self, advice: Advice) -> list[tuple[str, str, bool]]:
        """Every settable name, the value that holds, and whether the user has said it."""
        settings = self.turn_settings(advice)
        rows = []
        for name in SETTABLE:
            if name in _SAMPLING:
                said, value = getattr(self.sampling, name), getattr(settings.sampling, name)
            elif name == "think_budget":
                said = value = self.reasoning.budget
            else:
                value = getattr(self, name)
                said = value if value != config.find_key(name).default else None
            rows.append((name, config.show_value(value) or "none", said is not None))
        return rows


def _value(name: str, text: str) -> Any:
    if name not in SETTABLE:
        raise UsageError(
            "unknown_setting",
            f"There is no setting “{name}”.",
            did_you_mean(nearest(name, SETTABLE, prefixes=True), "/set alone lists them."),
        )
    key = config.find_key(name)
    if text.lower() in {"none", "default"}:
        return key.default
    try:
        return config.parse(name, text)
    except ValueError as error:
        raise UsageError("invalid_setting", f"/set {error}.", f"{name}: {key.help}.") from error
