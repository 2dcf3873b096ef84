"""How a prompt template takes part in a command: its settings below the flags, its texts around the input.

In: the flags as given, a template and `-p` values. Out: flags that say what the template says where the user was
silent. Reads no file but the template.
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

_CHOICES: dict[str, Callable[[str], Any]] = {
    "effort": EffortChoice,
    "thinking": ThinkingChoice,
    "kv_type": KvChoice,
}


def values_of(params: Sequence[str]) -> dict[str, str]:
    """`-p NAME=VALUE` as a mapping. Raises UsageError where there is no `=`."""
    values = {}
    for param in params:
        name, equals, value = param.partition("=")
        if not equals or not name:
            raise UsageError(
                "usage_error", f'-p takes NAME=VALUE, not "{param}".', "For instance: -p style=short"
            )
        values[name] = value
    return values


class Form:
    """A template with its values: the flags under it, and the question that it makes of what is read.

    Raises UsageError for a template that is not there, and for a value that is missing.
    """

    def __init__(self, flags: AskFlags) -> None:
        self._template = prompt_templates.find(flags.template or "", Path.cwd())
        self._values = self._template.values(values_of(flags.params or ()))
        self.flags = under(flags, self._template, self._values)

    def question(self, words: Sequence[str], streams: Streams) -> UserInput:
        """Read what is to be put in, and put it in. Raises UsageError where there is nothing to."""
        needed = self._template.takes_input or self._template.prompt is None
        question = read_question(words, streams, self.flags.files or (), needed=needed)
        return dataclasses.replace(question, text=self._template.question(question.text, self._values))


def under(flags: AskFlags, template: prompt_templates.PromptTemplate, values: Mapping[str, str]) -> AskFlags:
    """The flags with what the template says where they are silent; --no-reason is not undone by an effort."""
    said = dict(template.settings)
    if flags.reason is False:
        said = {name: value for name, value in said.items() if name not in {"effort", "think_budget"}}
    elif flags.effort is not None or flags.think_budget is not None:
        said.pop("reason", None)
    if template.stop:
        said["stop"] = list(template.stop)
    if template.schema is not None and flags.grammar is None and flags.format is None:
        schema = template.schema
        said["schema"] = schema if isinstance(schema, str) else json.dumps(schema)
    if template.system is not None:
        said["system"] = string.Template(template.system).substitute(values)
    return dataclasses.replace(flags, **_unsaid(flags, said))


def _unsaid(flags: AskFlags, said: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: _CHOICES[name](value) if name in _CHOICES else value
        for name, value in said.items()
        if getattr(flags, name) is None
    }
