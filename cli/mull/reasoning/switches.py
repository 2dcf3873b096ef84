"""Find a template's thinking switch and effort control by trying every variable whose name suggests one.

In: a probe. Out: the argument with its values for on and off, and the effort argument with the family's values. A value
is judged by its effect on the prompt, never by its name alone; a value that makes the template raise is not legal.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from mull.reasoning import markers
from mull.reasoning.probe import QUESTION, USER, TemplateProbe
from mull.reasoning.profile import EffortControl, Switch
from mull.settings import Effort

# Variables about past thinking (`preserve_thinking`) have no effect in a first turn and are thus not selected.
SPEAKING = re.compile(r"think|thought|reason|effort|budget|deliberat|reflect", re.IGNORECASE)
# Where a template has several names for one switch, the vendor's name comes first.
FIRST_NAMES = ("thinking", "enable_thinking", "thinking_mode", "reasoning")
GRADED = re.compile(r"effort|strength|level|intensity", re.IGNORECASE)
COUNTED = re.compile(r"budget|tokens", re.IGNORECASE)
INVERTED = re.compile(r"(^|_)(no|not|disable|disabled|skip|without|hide)(_|$)", re.IGNORECASE)
FORCING = re.compile(r"(^|_)(force|forced|always|must|require)(_|$)", re.IGNORECASE)
GRADES = ("none", "no_think", "minimal", "low", "medium", "high", "max", "xhigh")
NO_GRADES = ("none", "no_think", "off")
ON_WORDS = ("enabled", "on", "true", "think", "thinking", "enable", "yes", "deep", "slow")
OFF_WORDS = (
    "disabled",
    "off",
    "false",
    "no_think",
    "none",
    "disable",
    "no",
    "nothink",
    "chat",
    "instruct",
    "fast",
)
TEXTS = (
    ("/think", "/no_think"),
    ("/think", "/nothink"),
    ("/think", "/no-think"),
)  # on and off, as words in a message
BUDGETS: Mapping[Effort, int] = {"low": 512, "medium": 2048, "high": 8192}  # tokens
BEYOND = ("xhigh", "max")
RANKS: Mapping[str, int] = {"low": 1, "medium": 2, "high": 3, "xhigh": 4, "max": 5}

Found = tuple[Switch | None, str | None, str | None]


def find_switch(probe: TemplateProbe, base: str) -> Found:
    """The switch, and the generation prompt with thinking on and off."""
    known = probe.template.variables
    names = sorted(
        (name for name in known if SPEAKING.search(name)),
        key=lambda name: (FIRST_NAMES.index(name) if name in FIRST_NAMES else len(FIRST_NAMES), name),
    )
    for name in names:
        for values in _candidates(name, known[name]):
            switch = _switch(probe, name, values)
            if switch is not None:
                switch = _with_partner(probe, switch, names)
                return (
                    switch,
                    probe.generation_prompt(switch.given(on=True)),
                    probe.generation_prompt(switch.given(on=False)),
                )
    return _text_switch(probe, base)


def _with_partner(probe: TemplateProbe, switch: Switch, names: Sequence[str]) -> Switch:
    """The switch with a second argument, where one only forces thinking and another only skips it."""
    unset = probe.render([QUESTION])
    on, off = (probe.render([QUESTION], switch.given(on=on)) for on in (True, False))
    if not isinstance(switch.on, bool) or switch.argument is None or unset not in (on, off):
        return switch
    for name in names:
        made = probe.render([QUESTION], {name: True})
        if name == switch.argument or made in (None, unset, on, off):
            continue
        if unset == off and INVERTED.search(name):
            return replace(switch, off=True, off_argument=name)
        if unset == on and FORCING.search(name):
            return replace(switch, argument=name, on=True, off_argument=switch.argument)
    return switch


def _text_switch(probe: TemplateProbe, base: str) -> Found:
    """A switch by words that the template looks for in the user's or the system message."""
    for on, off in TEXTS:
        if off not in probe.template.source:
            continue
        prompt = probe.generation_prompt(text=f"{USER} {off}")
        if prompt is not None and _shuts(prompt, [base, prompt]):
            return Switch(None, on, off), probe.generation_prompt(text=f"{USER} {on}"), prompt
        prompt = probe.generation_prompt(system=off)
        if prompt is not None and _shuts(prompt, [base, prompt]):
            return Switch(None, on, off, "system"), probe.generation_prompt(system=on), prompt
    return None, None, None


def _candidates(name: str, constants: Sequence[Any]) -> list[list[Any]]:
    """Value sets to try for a variable, the most likely first."""
    words = [value for value in constants if isinstance(value, str) and value]
    if COUNTED.search(name):
        return [[-1, 0]]
    if GRADED.search(name):
        return [list(dict.fromkeys([*GRADES, *words]))]
    # A template may compare with one word only and treat anything else as the other.
    return [[True, False], [*words, *(word for word in ("on", "off") if word not in words)]]


def _switch(probe: TemplateProbe, name: str, values: Sequence[Any]) -> Switch | None:
    """The switch that this variable makes with these values, or None."""
    legal = [value for value in values if probe.render([QUESTION], {name: value}) is not None]
    prompts = {repr(value): probe.generation_prompt({name: value}) or "" for value in legal}
    if len({probe.render([QUESTION], {name: value}) for value in legal}) < 2:
        return None
    every = [*prompts.values(), probe.generation_prompt() or ""]
    shut = [value for value in legal if _shuts(prompts[repr(value)], every)]
    others = [value for value in legal if value not in shut]
    if len(legal) == 2 and set(map(type, legal)) == {bool}:
        inverted = shut == [True] or (
            not shut and bool(INVERTED.search(name)) and not _opens(prompts["True"], every)
        )
        return Switch(name, not inverted, inverted)
    if COUNTED.search(name):
        # A switch if 0 changes the end of the prompt, or if all numbers but 0 render alike; a rendered number is none.
        endless, some, none = (probe.render([QUESTION], {name: tokens}) for tokens in (-1, BUDGETS["low"], 0))
        return Switch(name, -1, 0) if prompts["0"] != prompts["-1"] or endless == some != none else None
    if GRADED.search(name):
        if not shut:  # the end of the prompt is the same, but the template compares with a word for off
            known = probe.template.variables
            words = [word for key in known if GRADED.search(key) for word in known[key]]
            shut = [grade for grade in NO_GRADES if grade in legal and grade in words]
            others = [value for value in legal if value not in shut]
        if not shut or not others:
            return None
        return Switch(
            name, next((grade for grade in ("medium", "high", "low") if grade in others), others[0]), shut[0]
        )
    off = next(iter(shut), None) or next((value for value in legal if str(value).lower() in OFF_WORDS), None)
    if off is None:
        return None
    calm = probe.render([QUESTION], {name: off})
    others = [value for value in others if probe.render([QUESTION], {name: value}) != calm]
    on = next((value for value in others if _opens(prompts[repr(value)], every)), None) or next(
        (value for value in others if str(value).lower() in ON_WORDS), None
    )
    return Switch(name, on, off) if on is not None else None


def _added(prompt: str, prompts: Sequence[str]) -> list[str]:
    """The markers in this generation prompt beyond those that all have in common."""
    shared = markers.cut_bracket(markers.common_start(list(prompts)))
    opened = markers.chunks(shared)[-1:]
    added = markers.chunks(prompt[len(shared) :])
    # A `<think>` common to an open and a closed block belongs to both.
    return [*opened, *added] if opened and _closing(added[:1]) and not _closing(opened) else added


def _closing(chunk: Sequence[str]) -> bool:
    return any(map(markers.closes, chunk))


def _shuts(prompt: str, prompts: Sequence[str]) -> bool:
    """Whether the prompt closes thinking before it began: a block of two markers, or a bare end."""
    added = _added(prompt, prompts)
    return len(added) >= 2 or _closing(added)


def _opens(prompt: str, prompts: Sequence[str]) -> bool:
    added = _added(prompt, prompts)
    return len(added) == 1 and not _closing(added)


def find_effort(probe: TemplateProbe, switch: Switch | None) -> EffortControl | None:
    """The effort argument and the family's values for low, medium and high, or None."""
    given = {switch.argument: switch.on} if switch and switch.argument else {}
    for name in probe.template.variables:
        if COUNTED.search(name) and switch is not None and switch.argument == name:
            return EffortControl(name, dict(BUDGETS), frozenset(BUDGETS))
        if GRADED.search(name):
            found = _flag(probe, name, given) or _graded(probe, name, given, switch)
            if found is not None:
                return found
    return None


def _flag(probe: TemplateProbe, name: str, given: Mapping[str, Any]) -> EffortControl | None:
    """A boolean for one level, such as `low_effort`; the other two levels become budgets."""
    word = next((word for word in BUDGETS if word in name.lower()), None)
    if word is None or probe.render([QUESTION], {**given, name: True}) in (
        None,
        probe.render([QUESTION], {**given, name: False}),
    ):
        return None
    return EffortControl(
        name,
        {grade: True if grade == word else None for grade in BUDGETS},
        frozenset(BUDGETS.keys() - {word}),
    )


def _graded(
    probe: TemplateProbe, name: str, given: Mapping[str, Any], switch: Switch | None
) -> EffortControl | None:
    """Each level's own value where it is legal and has an effect, else the next higher one with a budget."""
    others = {key: value for key, value in given.items() if key != name}
    made = {grade: probe.render([QUESTION], {**others, name: grade}) for grade in RANKS}
    unset = probe.render([QUESTION], others)
    off = probe.generation_prompt({name: switch.off}) if switch and switch.argument == name else None
    usable = [
        grade
        for grade in RANKS
        if made[grade] is not None
        and (off is None or probe.generation_prompt({**others, name: grade}) != off)
    ]
    # One level may equal the default; several alike mean that the template ignores them, and so does a level that
    # renders as a default beyond "high".
    beyond = _beyond(unset or "", made["high"] or "")
    ignored = [grade for grade in usable if made[grade] == unset and grade in BUDGETS]
    if len(ignored) == 1 and not beyond:
        ignored = []
    usable = [grade for grade in usable if grade not in ignored]
    words = [grade for grade in usable if grade in BUDGETS]
    if not words or len({made[grade] for grade in usable} | {unset}) < 2:
        return None
    values: dict[Effort, Any] = {}
    budget: set[Effort] = set()
    for word in BUDGETS:
        value = next((grade for grade in usable if RANKS[grade] >= RANKS[word]), words[-1])
        if RANKS[value] > RANKS[word]:
            budget.add(word)
        # The default is less than the next higher level, unless it is beyond the highest.
        values[word] = None if word in ignored and not beyond else value
    return EffortControl(name, values, frozenset(budget))


def _beyond(unset: str, high: str) -> bool:
    """Whether the default prompt mentions a level beyond "high"."""
    return any(word in unset.lower() and word not in high.lower() for word in BEYOND)
