"""Resolve what contradicts itself in a detected profile, by what the rendered prompts really do.

In: a probe and a detected profile; then the model's name. Out: the profile in which off never opens thinking, on never
closes it, and a model whose prompt always closes it does not think.
"""

from __future__ import annotations

import re
from dataclasses import replace

from mull.reasoning.probe import FIELDS, QUESTION, TemplateProbe
from mull.reasoning.profile import Profile
from mull.reasoning.switches import SPEAKING

SHUT = ("closed", "bare")
THINKING_NAMES = re.compile(r"think|reason|distill|qwq|(?<![a-z0-9])r1(?![a-z0-9])", re.IGNORECASE)


def consistent(probe: TemplateProbe, found: Profile) -> Profile:
    """The profile without contradictions between the names of things and the prompts."""
    switch, prompts = found.switch, found.prompts
    if switch is None:
        return _never(found) if found.reasons and _always_shut(probe, found) else found
    if switch.argument is None:
        return found
    on, off = found.prefill(prompts.on), found.prefill(prompts.off)
    if on in SHUT and off in SHUT:
        return _never(found)
    if on in SHUT:
        swapped = replace(switch, on=switch.off, off=switch.on)
        found = replace(found, switch=swapped, prompts=replace(prompts, on=prompts.off, off=prompts.on))
    if found.prefill(found.prompts.off) == "open":
        found = replace(found, off_prefill=_closing(found, found.prompts.off))
    return found


def expected(found: Profile, name: str) -> Profile:
    """The profile of a model that thinks only if its name says so, where its template does not decide that.

    Templates of instruct models often strip or render past thinking because they were made for a whole family.
    """
    return _never(found) if found.undecided and not THINKING_NAMES.search(name) else found


def undecided(probe: TemplateProbe, found: Profile) -> bool:
    """Whether the only sign of thinking is what the template does with past thinking."""
    if found.kind != "always" or found.prefill(found.prompts.default) != "none":
        return False
    if found.history_field not in (None, *FIELDS) or any(
        _is_argument(probe, name) for name in probe.template.variables
    ):
        return False
    plain = probe.plain()
    shown = (probe.render([QUESTION]) or "") + (plain.before + plain.after if plain else "")
    return not any(tag and tag in shown for tag in (found.start, found.end))


def _is_argument(probe: TemplateProbe, name: str) -> bool:
    """Whether this variable speaks of thinking and comes from outside: the template does not just assign it."""
    own = rf"set\s+{re.escape(name)}\s*=(?![^%]*\b{re.escape(name)}\b)"
    return bool(SPEAKING.search(name)) and not re.search(own, probe.template.source)


def _never(found: Profile) -> Profile:
    """The profile of a model that does not think. Its markers stay: should it think, that is split off."""
    return replace(found, kind="none", default="none", switch=None, effort=None, off="cannot", off_prefill="")


def _always_shut(probe: TemplateProbe, found: Profile) -> bool:
    """Whether the prompt closes the thinking, whatever the effort."""
    prompts = [found.prompts.default]
    if found.effort is not None:
        values = (value for value in found.effort.values.values() if value is not None)
        prompts += [probe.generation_prompt({found.effort.argument: value}) or "" for value in values]
    return all(found.prefill(prompt) in SHUT for prompt in prompts)


def _closing(found: Profile, prompt: str) -> str:
    """What closes the empty thinking that this prompt opens."""
    return found.between.lstrip("\n") if prompt.endswith("\n") else found.between
