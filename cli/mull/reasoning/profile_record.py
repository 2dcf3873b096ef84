"""A `Profile` as a JSON object and back, for the cache of what is known of a template (`chat_template/facts.py`).

The object leaves out what the caller of `profile` gives: the template and the special tokens. `from_record` raises
KeyError, TypeError or AttributeError for an object of another shape.
"""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

from mull.chat_template.template import Template
from mull.fs.json_text import parse_json
from mull.reasoning.profile import EffortControl, GenerationPrompts, Profile, Switch

_GIVEN = frozenset(["template", "special"])


def to_record(found: Profile) -> dict[str, Any] | None:
    """The object; None where JSON would change the profile."""
    record = _values(found)
    record["prompts"] = _values(found.prompts)
    record["switch"] = found.switch and _values(found.switch)
    record["effort"] = found.effort and {**_values(found.effort), "budget": sorted(found.effort.budget)}
    try:
        again = from_record(parse_json(json.dumps(record)), found.template, found.special)
    except (TypeError, ValueError, RecursionError):  # a value of another kind in a switch
        return None
    return record if _values(again) == _values(found) else None


def from_record(record: dict[str, Any], template: Template | None, special: frozenset[str]) -> Profile:
    """The profile."""
    switch, effort = record["switch"], record["effort"]
    parts = {
        "turn_ends": tuple(record["turn_ends"]),
        "prompts": GenerationPrompts(**record["prompts"]),
        "switch": switch and Switch(**switch),
        "effort": effort and EffortControl(**{**effort, "budget": frozenset(effort["budget"])}),
    }
    return Profile(template, special=special, **{**record, **parts})


def _values(part: Any) -> dict[str, Any]:
    """The fields of a profile or of a part of it."""
    return {field.name: getattr(part, field.name) for field in fields(part) if field.name not in _GIVEN}
