"""Decide what to do about thinking in a turn, from the user's request and the model's profile.

Out: template arguments, prefill, thinking budget, and a report of what is really applied and how. Where the request
cannot be met, `applied` reports what happens instead and `notice` explains it in one sentence. Pure; renders nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from mull.events import Applied, Asked, ReasoningReport
from mull.messages import Message
from mull.reasoning.own_switch import OwnSwitch, own_switch
from mull.reasoning.profile import Profile
from mull.reasoning.switches import BUDGETS
from mull.settings import Effort, ReasoningAsk

THOUGHT_ANYWAY = "The model thought although thinking was off; the thinking is not part of the answer."
MINIMUM_BUDGET = (
    256  # thinking tokens allowed where off was requested and the model cannot do without thinking
)


@dataclass(frozen=True)
class ReasoningDecision:
    """What to do in one turn. `budget` is in thinking tokens; `hide`: do not display unrequested thinking."""

    asked: Asked = "default"
    applied: Applied = "default"
    how: str = "nothing requested"
    notice: str | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    prefill: str = ""
    budget: int | None = None
    hide: bool = False
    word: str | None = None  # the family's switch word for this turn, inserted into a message
    own: OwnSwitch | None = None  # the user's own word in a message, which was heeded

    def report(self, *, thought: bool = False) -> ReasoningReport:
        """The report for the result, once it is known whether the model `thought`."""
        notice = self.notice or (THOUGHT_ANYWAY if thought and self.asked == "off" else None)
        return ReasoningReport(self.asked, self.applied, self.how, notice)


def decide(ask: ReasoningAsk, profile: Profile, messages: Sequence[Message] = ()) -> ReasoningDecision:
    """Decide one turn. A budget of 0 means off; a budget alone implies on.

    Where nothing is asked, a switch word in the messages counts.
    """
    if (
        ask.on is None
        and ask.effort is None
        and ask.budget is None
        and (own := own_switch(messages, profile))
    ):
        return _by_word(own, profile)
    if ask.budget is not None and ask.on is None and ask.effort is None:
        ask = replace(ask, on=ask.budget > 0)
    if ask.on is False:
        return _off(ask.asked, profile)
    if not profile.reasons:
        return _without(ask)
    if ask.effort is not None:
        return _effort(ask.effort, ask, profile)
    if ask.on:
        return _on(ask, profile)
    return _default(ask, profile)


def _by_word(own: OwnSwitch, profile: Profile) -> ReasoningDecision:
    """Heed the user's own word like a flag where the family has a switch; else report why not."""
    where = f"{own.word} in the {own.place}"
    if not own.on and profile.reasons and profile.off == "cannot":
        notice = (
            f"{where} has no effect: this model's thinking cannot be switched off. --no-reason limits it."
        )
        return ReasoningDecision("off", "always", "this model always thinks", notice)
    if own.on and not profile.reasons:
        notice = f"{where} has no effect: this model has no thinking mode."
        return ReasoningDecision("on", "none", "this model has no thinking mode", notice)
    decision = decide(ReasoningAsk(on=own.on, effort=own.effort), profile)
    if not profile.reasons:
        return decision
    return replace(decision, how=f"{decision.how}, for {where}", own=own)


def _without(ask: ReasoningAsk) -> ReasoningDecision:
    """The decision for a model without thinking."""
    if ask.asked == "default":
        return ReasoningDecision("default", "none", "this model has no thinking mode")
    return ReasoningDecision(
        ask.asked,
        "none",
        "this model has no thinking mode",
        f"This model has no thinking mode; {_without_effect(ask)}.",
        budget=ask.budget,
    )


def _without_effect(ask: ReasoningAsk) -> str:
    """Which flag has no effect on a model without thinking. A budget still applies should it think anyway."""
    if ask.effort is None and ask.budget is not None:
        return "--think-budget has nothing to limit"
    return f"{'--reason' if ask.effort is None else '--effort'} is ignored"


def _default(ask: ReasoningAsk, profile: Profile) -> ReasoningDecision:
    if profile.switch is not None and profile.switch.place == "custom system":
        return ReasoningDecision(
            ask.asked, "default", "the model's default (on, unless there is a system prompt)"
        )
    if profile.kind == "switchable":
        how = {"on": "the model's default (on)", "off": "the model's default (off)"}.get(
            profile.default, "the model decides"
        )
        return ReasoningDecision(ask.asked, "default", how)
    return ReasoningDecision(
        ask.asked, "always" if profile.kind == "always" else "default", "this model always thinks"
    )


def _on(ask: ReasoningAsk, profile: Profile) -> ReasoningDecision:
    arguments, word, how = _switched(profile, on=True)
    applied: Applied = "always" if profile.kind == "always" else "on"
    if ask.budget is not None:
        how += f"; {_budget(ask.budget)}"
    return ReasoningDecision(ask.asked, applied, how, None, arguments, budget=ask.budget, word=word)


def _effort(effort: Effort, ask: ReasoningAsk, profile: Profile) -> ReasoningDecision:
    """Use the family's own effort control where it has one, else a token budget."""
    arguments, word, how = _switched(profile, on=True)
    own = profile.effort
    budget: int | None = BUDGETS[effort]
    if own is not None:
        if own.values[effort] is not None:
            arguments = {**arguments, own.argument: own.values[effort]}
            how = f"template: {own.argument}={_shown(own.values[effort])}"
        budget = BUDGETS[effort] if effort in own.budget else None
    if ask.budget is not None:
        budget = ask.budget if budget is None else min(budget, ask.budget)
    if budget is not None:
        how += f"; {_budget(budget)}"
    notice = None
    if own is not None and own.values[effort] != effort and isinstance(own.values[effort], str):
        notice = f"This model has no effort level {effort}; the nearest, {own.values[effort]}, is used" + (
            f" with a {_budget(budget)}." if budget is not None else "."
        )
    return ReasoningDecision(ask.asked, effort, how, notice, arguments, budget=budget, word=word)


def _off(asked: Asked, profile: Profile) -> ReasoningDecision:
    """Switch off by the family's own means, or report that it cannot be switched off."""
    if not profile.reasons:
        return ReasoningDecision(asked, "none", "this model has no thinking mode", hide=True)
    if profile.off in ("template", "text"):
        arguments, word, how = _switched(profile, on=False)
        if profile.off_prefill:
            how = f"{how}; {_prefilled(profile)}"
        return ReasoningDecision(
            asked, "off", how, None, arguments, profile.off_prefill, hide=True, word=word
        )
    arguments = {}
    how = ""
    if profile.effort is not None and profile.effort.values["low"] is not None:
        arguments = {profile.effort.argument: profile.effort.values["low"]}
        how = f"template: {profile.effort.argument}={_shown(profile.effort.values['low'])}"
    if profile.off == "prefill":
        return ReasoningDecision(
            asked, "off", _prefilled(profile), None, arguments, profile.off_prefill, hide=True
        )
    how = f"{how + '; ' if how else ''}{_budget(MINIMUM_BUDGET)}, hidden"
    return ReasoningDecision(
        asked,
        "always",
        how,
        "This model's thinking cannot be switched off; it is limited and hidden.",
        arguments,
        budget=MINIMUM_BUDGET,
        hide=True,
    )


def _prefilled(profile: Profile) -> str:
    return "prefill: " + profile.off_prefill.strip().replace("\n", " ")


def _switched(profile: Profile, *, on: bool) -> tuple[dict[str, Any], str | None, str]:
    """Template arguments, switch word and description for one position of the switch."""
    switch = profile.switch
    if switch is None:
        return (
            {},
            None,
            "this model always thinks" if profile.kind == "always" else "the model's default (on)",
        )
    value = switch.on if on else switch.off
    if arguments := switch.given(on=on):
        name = next(iter(arguments))
        return arguments, None, f"template: {name}={_shown(value)}"
    if switch.place == "custom system":
        return {}, value, "text: " + ("the model's own system prompt" if on else "a plain system prompt")
    if not value:
        return {}, None, f"the model's default ({'on' if on else 'off'})"
    return {}, value, f"text: {abridged(value)} in the {switch.place} message"


def abridged(words: str) -> str:
    """The words, cut to some 40 characters."""
    return words if len(words) <= 40 else words[:41].rpartition(" ")[0] + " …"


def _budget(tokens: int) -> str:
    return f"budget of {tokens} token{'' if tokens == 1 else 's'}"


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
