"""Reasoning control on an endpoint: the fields that ask for it, and an honest report of what they do.

In: what the user asks and the kind of server. Out: fields of the request and a `ReasoningDecision`. A server whose chat
template is known (llama-server) is asked for what the template understands; of others, each kind has its own fields.
What a kind cannot do is said in the notice, and `applied` says what happens instead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from typing import TYPE_CHECKING, Any

from mull.backends.openai.facts import Remote
from mull.dataclass import dataclass
from mull.endpoints.kind import ServerKind
from mull.events import Applied
from mull.messages import Message
from mull.reasoning.chat_messages import to_chat
from mull.reasoning.control import ReasoningDecision, decide
from mull.settings import ReasoningAsk, TurnSettings

if TYPE_CHECKING:
    from mull.reasoning.profile import Profile


@dataclass(frozen=True, slots=True)
class ReasoningRequest:
    """The decision of one turn, and the fields of the request that carry it."""

    decision: ReasoningDecision
    fields: Mapping[str, Any] = field(default_factory=dict)
    chat: Sequence[Mapping[str, Any]] = ()  # the messages, where a word in them switches; else empty

    @property
    def spares_thinking(self) -> bool:
        """The server may look for stop strings: there is no thinking that one could end."""
        return self.decision.applied in ("off", "none")


@dataclass(frozen=True, slots=True)
class _Control:
    """The fields of one kind of server. None: the kind has none. `budget`, `effort`: the path of the field."""

    on: Mapping[str, Any] | None = None
    off: Mapping[str, Any] | None = None
    effort: tuple[str, ...] = ()
    budget: tuple[str, ...] = ()
    one_of: bool = False  # an effort or a budget, not both


_TEMPLATE = {on: {"chat_template_kwargs": {"enable_thinking": on, "thinking": on}} for on in (True, False)}
_OLLAMA = _Control({"think": True}, {"think": False}, ("think",))
"""Of Ollama's own API."""
_CONTROLS: Mapping[ServerKind, _Control] = {
    "mull": _Control(  # of another version; one of this version gets what was asked as it is
        _TEMPLATE[True], _TEMPLATE[False], ("reasoning_effort",), ("reasoning_budget_tokens",)
    ),
    "llama-server": _Control(
        _TEMPLATE[True], _TEMPLATE[False], ("reasoning_effort",), ("reasoning_budget_tokens",)
    ),
    "vLLM": _Control(_TEMPLATE[True], _TEMPLATE[False], ("reasoning_effort",), ("thinking_token_budget",)),
    "SGLang": _Control(_TEMPLATE[True], _TEMPLATE[False], ("reasoning_effort",)),
    "Ollama": _Control({"reasoning_effort": "medium"}, {"reasoning_effort": "none"}, ("reasoning_effort",)),
    "OpenRouter": _Control(
        {"reasoning": {"enabled": True}},
        {"reasoning": {"enabled": False}},
        ("reasoning", "effort"),
        ("reasoning", "max_tokens"),
        one_of=True,
    ),
    "other": _Control(effort=("reasoning_effort",)),
}
"""From each project's documentation; llama-server's as tried on loopback. LM Studio and llama_cpp.server have none."""


def how_to_ask(
    remote: Remote, messages: Sequence[Message], settings: TurnSettings, name: str
) -> ReasoningRequest:
    """How to ask this server about thinking. `name`: the endpoint's."""
    profile = remote.facts.profile
    if profile is not None:
        return by_template(settings.reasoning, profile, messages, name)
    control = _OLLAMA if remote.facts.native else _CONTROLS.get(remote.kind, _Control())
    return by_kind(settings.reasoning, control, name, thinks=remote.facts.thinks)


def by_template(
    ask: ReasoningAsk, profile: Profile, messages: Sequence[Message], name: str
) -> ReasoningRequest:
    """For a server that renders a template that mull knows: the template's own arguments and words."""
    decision = decide(ask, profile, messages)
    if decision.applied == "default":  # a server may be started with another default than the template's
        decision = replace(decision, how=f"the default of {name}")
    fields: dict[str, Any] = {}
    if decision.prefill:  # what llama-server is given to continue comes back as part of the answer
        how = "request: reasoning_budget_tokens=0"
        decision = replace(decision, prefill="", how=how, budget=0)
    if decision.arguments:
        fields["chat_template_kwargs"] = dict(decision.arguments)
    if decision.budget is not None:
        fields["reasoning_budget_tokens"] = decision.budget
        if profile.start and profile.end:
            fields["reasoning_budget_start_tag"] = profile.start
            fields["reasoning_budget_end_tags"] = [profile.end]
    chat = to_chat(messages, profile, decision) if decision.word or decision.own else ()
    return ReasoningRequest(decision, fields, chat)


def by_kind(ask: ReasoningAsk, control: _Control, name: str, *, thinks: bool | None) -> ReasoningRequest:
    """For a server whose template is unknown. `name`: the endpoint's; `thinks` False: its model has no thinking."""
    if ask.budget is not None and ask.on is None and ask.effort is None:
        ask = replace(ask, on=ask.budget > 0)
    asked = ask.asked
    if asked == "default":
        if thinks is False:
            return ReasoningRequest(ReasoningDecision(how="this model has no thinking mode", applied="none"))
        return ReasoningRequest(ReasoningDecision(how=f"the default of {name}"))
    if thinks is False:
        notice = None if asked == "off" else "This model has no thinking mode; what asks for it is ignored."
        how = "this model has no thinking mode"
        return ReasoningRequest(ReasoningDecision(asked, "none", how, notice, hide=asked == "off"))
    if ask.on is False:
        if control.off is None:
            notice = f"{name} has no way to switch thinking off; what it thinks is hidden."
            decision = ReasoningDecision(asked, "default", f"{name} has no switch", notice, hide=True)
            return ReasoningRequest(decision)
        return ReasoningRequest(ReasoningDecision(asked, "off", _shown(control.off), hide=True), control.off)
    return _thinking(ask, control, name)


def _thinking(ask: ReasoningAsk, control: _Control, name: str) -> ReasoningRequest:
    """Thinking is wanted: its switch, its effort and its budget, as far as the kind has them."""
    asked = ask.asked
    fields: dict[str, Any] = {}
    missing: list[str] = []
    applied: Applied = asked
    if ask.effort is not None and ask.budget is not None and control.one_of:
        missing.append("choose an effort with a budget")
        ask, applied = replace(ask, effort=None, on=True), "on"
    if ask.effort is not None and control.effort:
        if control.on is _TEMPLATE[True]:  # not every template knows efforts
            fields.update(control.on)
        _set(fields, control.effort, ask.effort)
    elif control.on is not None:
        fields.update(control.on)
        applied = "on" if ask.effort is None else applied
    if ask.effort is not None and not control.effort:
        missing.append("choose its effort")
        applied = "on" if control.on is not None else "default"
    elif ask.effort is None and control.on is None:
        missing.append("switch thinking on")
        applied = "default"
    if ask.budget is not None:
        if control.budget:
            _set(fields, control.budget, ask.budget)
        else:
            missing.append("limit its thinking")
    how = _shown(fields) if fields else f"{name} has no switch"
    notice = f"{name} has no way to {' or to '.join(missing)}." if missing else None
    return ReasoningRequest(ReasoningDecision(asked, applied, how, notice, budget=ask.budget), fields)


def _set(fields: dict[str, Any], path: Sequence[str], value: Any) -> None:
    for name in path[:-1]:
        fields[name] = dict(fields.get(name, {}))
        fields = fields[name]
    fields[path[-1]] = value


def _shown(fields: Mapping[str, Any]) -> str:
    """The fields for `reasoning.how`."""
    import json

    return "request: " + json.dumps(fields, separators=(",", ":"))
