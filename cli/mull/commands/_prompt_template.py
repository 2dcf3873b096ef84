"""Apply a prompt template (-t NAME) to a one-shot command: its settings to the flags, its texts to the input.

In: the flags, with the template's name and the `-p` values. Out: flags in which unset ones have the template's values,
and the question. Reads no file but the template and the input.
"""

from __future__ import annotations

import dataclasses
import json
import string
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mull import prompt_templates
from mull.commands._ask_options import AskFlags
from mull.commands._input import UserInput, read_question
from mull.commands._options import EffortChoice, KvChoice, ThinkingChoice
from mull.errors import UsageError
from mull.terminal.console.streams import Streams

_ENUMS: dict[str, Callable[[str], Any]] = {
    "effort": EffortChoice,
    "thinking": ThinkingChoice,
    "kv_type": KvChoice,
}


def values_of(params: Sequence[str]) -> dict[str, str]:
    """Parse `-p NAME=VALUE`. Raises UsageError when there is no `=`."""
    values = {}
    for param in params:
        name, equals, value = param.partition("=")
        if not equals or not name:
            raise UsageError(
                "usage_error", f'-p takes NAME=VALUE, not "{param}".', "For example: -p style=short"
            )
        values[name] = value
    return values


class AppliedTemplate:
    """A template and its values. `flags`: the command's flags, completed by the template.

    Raises UsageError for an unknown template and for a missing value, MullError for an invalid template file.
    """

    def __init__(self, flags: AskFlags) -> None:
        self._template = prompt_templates.find(flags.template or "", Path.cwd())
        self._values = self._template.values(values_of(flags.params or ()))
        self.flags = apply_settings(flags, self._template, self._values)

    def question(self, words: Sequence[str], streams: Streams) -> UserInput:
        """Read the input and insert it into the template. Raises UsageError when the template needs input and there is
        none."""
        needed = self._template.takes_input or self._template.prompt is None
        question = read_question(words, streams, self.flags.files or (), needed=needed)
        return dataclasses.replace(question, text=self._template.question(question.text, self._values))


def apply_settings(
    flags: AskFlags, template: prompt_templates.PromptTemplate, values: Mapping[str, str]
) -> AskFlags:
    """The flags, with the template's settings where they are unset.

    --no-reason overrides a template's effort and thinking budget; --effort and --think-budget override its `reason`.
    """
    settings = dict(template.settings)
    if flags.reason is False:
        settings = {name: value for name, value in settings.items() if name not in {"effort", "think_budget"}}
    elif flags.effort is not None or flags.think_budget is not None:
        settings.pop("reason", None)
    if template.stop:
        settings["stop"] = list(template.stop)
    if template.schema is not None and flags.grammar is None and flags.format is None:
        schema = template.schema
        settings["schema"] = schema if isinstance(schema, str) else json.dumps(schema)
    if template.system is not None:
        settings["system"] = string.Template(template.system).substitute(values)
    return dataclasses.replace(flags, **_unset(flags, settings))


def _unset(flags: AskFlags, settings: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: _ENUMS[name](value) if name in _ENUMS else value
        for name, value in settings.items()
        if getattr(flags, name) is None
    }
