"""Describe a profile: for `mull inspect`, and for the table of families in the docs.

In: a profile. Out: pairs of label and text for a screen, or the `reasoning` object of the versioned JSON.
"""

from __future__ import annotations

from typing import Any

from mull.reasoning.control import abridged
from mull.reasoning.profile import Profile
from mull.reasoning.switches import BUDGETS

PREFILLS = {
    "open": "the prompt opens the thinking",
    "closed": "the prompt contains an empty thinking block",
    "bare": "the prompt contains a bare end marker",
    "none": "the prompt adds nothing",
}


def as_json(profile: Profile) -> dict[str, Any]:
    """The `reasoning` object. Its first seven keys are the contract; the rest may grow."""
    switch, effort, prompts = profile.switch, profile.effort, profile.prompts
    return {
        "kind": profile.kind,
        "default": profile.default,
        "switch": {"argument": switch.argument, "on": switch.on, "off": switch.off} if switch else None,
        "effort": {word: effort.values.get(word) for word in BUDGETS} if effort else None,
        "markers": {"start": profile.start, "end": profile.end} if profile.end else None,
        "prefill": {"on": profile.prefill(prompts.on), "off": profile.prefill(_off_prompt(profile))},
        "off": profile.off,
        "family": profile.family or None,
        "effort_argument": effort.argument if effort else None,
        "switch_place": switch.place if switch and switch.argument is None else None,
        "off_argument": switch.off_argument if switch else None,
        "answer_markers": {"start": profile.answer_start, "end": profile.answer_end},
        "headers": profile.header is not None,
        "history": profile.history_field,
        "stops": list(profile.stops),
        "system_prompt": profile.system,
        "note": profile.note or None,
    }


def as_lines(profile: Profile) -> list[tuple[str, str]]:
    """Pairs of label and sentence, for a screen."""
    lines = [("Family", profile.family)] if profile.family else []
    lines.append(("Thinking", _kind(profile)))
    if profile.kind == "switchable":
        lines.append(("On", on(profile)))
    if profile.reasons:
        lines += [("Off", off(profile)), ("Effort", effort(profile))]
        lines.append(("Markers", _markers(profile)))
        lines.append(("Past thinking", _history(profile)))
    if not profile.system:
        lines.append(
            ("System prompt", "not supported by the template; mull puts it before the first message")
        )
    if profile.system_blocks_switch:
        lines.append(
            (
                "System prompt",
                "with one, the template ignores the switch; mull puts it before the first message",
            )
        )
    if profile.note:
        lines.append(("Note", profile.note))
    return lines


def on(profile: Profile) -> str:
    """What `--reason` does."""
    if not profile.reasons:
        return "nothing: no thinking mode"
    if profile.switch is None:
        return "nothing: the model always thinks"
    return _position(profile, on=True)


def off(profile: Profile) -> str:
    """What `--no-reason` does."""
    if not profile.reasons:
        return "nothing: no thinking mode"
    if profile.off == "cannot":
        return "cannot be switched off: thinking is limited as far as possible, and hidden"
    if profile.off == "prefill":
        return f"prefills the answer with {_shown(profile.off_prefill)}; known to work"
    return _position(profile, on=False)


def effort(profile: Profile) -> str:
    """What `--effort low|medium|high` does."""
    if not profile.reasons:
        return "nothing"
    budgets = " / ".join(str(tokens) for tokens in BUDGETS.values())
    own = profile.effort
    if own is None:
        return f"a budget of {budgets} tokens"
    if None not in own.values.values() and len(own.budget) in (0, len(BUDGETS)):
        values = " / ".join(_value(own.values[word]) for word in BUDGETS)
        return f"{own.argument} = {values}" + (", and as budgets of tokens" if own.budget else "")
    means = []
    for word, tokens in BUDGETS.items():
        value = own.values[word]
        parts = [] if value is None else [f"{own.argument} = {_value(value)}"]
        parts += [f"a budget of {tokens} tokens"] if word in own.budget else []
        means.append(f"{word}: {' with '.join(parts)}")
    return "; ".join(means)


def _position(profile: Profile, *, on: bool) -> str:
    switch = profile.switch
    if switch is None:
        return ""
    value = switch.on if on else switch.off
    prompt = profile.prompts.on if on else _off_prompt(profile)
    done = PREFILLS[profile.prefill(prompt)]
    for name in switch.given(on=on):
        return f"template argument {name} = {_value(value)}; {done}"
    if switch.place == "custom system":
        return (
            "the model's default system prompt" if on else "a plain system prompt instead of the default one"
        )
    if not value:
        return f"nothing: the model {'thinks' if on else 'does not think'} by default"
    return f"the words {abridged(value)} in the {switch.place} message; {done}"


def _kind(profile: Profile) -> str:
    if profile.kind == "none":
        return "no thinking mode in the template; thinking that the model marks is still split off"
    if profile.kind == "always":
        return "always"
    if profile.kind == "effort":
        return "always; only the effort can be chosen"
    default = {"on": "on", "off": "off", "none": "the model decides"}[profile.default]
    return f"can be switched; by default {default}"


def _markers(profile: Profile) -> str:
    begin = _shown(profile.start) if profile.start else "the first word"
    return f"from {begin} to {_shown(profile.end or '')}"


def _history(profile: Profile) -> str:
    if profile.history_field is None:
        return "dropped"
    return f"passed to the template ({profile.history_field}), which keeps or drops it"


def _off_prompt(profile: Profile) -> str:
    if profile.off in ("template", "text"):
        return profile.prompts.off + profile.off_prefill
    return profile.prompts.default


def _shown(text: str) -> str:
    return text.replace("\n", "⏎")


def _value(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
