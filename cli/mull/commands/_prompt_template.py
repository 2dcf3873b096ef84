"""Apply a prompt template (-t NAME) to a one-shot command: its settings to the flags, its texts to the input.

In: the flags, with the template's name and the `-p` values. Out: flags in which unset ones have the template's values,
and the question. Settings that reach beyond the prompt need a trusted folder: a terminal is asked, elsewhere it is an
error. Reads no file but the template and the input.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shlex
import string
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from mull.commands._ask_options import AskFlags, constrains
from mull.commands._choices import EffortChoice, KvChoice, ThinkingChoice
from mull.commands._input import UserInput, read_question
from mull.commands._system import literal
from mull.config import trust
from mull.errors import MullError, UsageError
from mull.prompt_templates import files
from mull.prompt_templates.template import PromptTemplate
from mull.structured.reading import names_a_file
from mull.terminal.console.streams import Streams

_LONGEST_SHOWN = 200  # characters of a setting's value in a question
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

    Raises UsageError for an unknown template and for a missing value, MullError for an invalid template file, or for
    one that is not trusted with what it sets.
    """

    def __init__(self, flags: AskFlags, streams: Streams) -> None:
        self._template = files.find(flags.template or "", files.working_folder())
        own = self._template.path.parent == files.own_folder()
        if (streams.stderr_tty or not own) and not (flags.quiet or flags.json or flags.jsonl):
            streams.note(f"Template: {self._template.path}")
        self._values = self._template.values(values_of(flags.params or ()))
        settings = settings_of(flags, self._template, self._values)
        if reaching := beyond_the_prompt(settings):
            need_trust(self._template, reaching, streams)
        self.flags = dataclasses.replace(flags, **settings)

    def question(self, words: Sequence[str], streams: Streams, *, quiet: bool = False) -> UserInput:
        """Read the input and insert it into the template. Raises UsageError when the template needs input and there is
        none."""
        needed = self._template.takes_input or self._template.prompt is None
        question = read_question(words, streams, self.flags.files or (), needed=needed, quiet=quiet)
        return dataclasses.replace(question, text=self._template.question(question.text, self._values))


def settings_of(flags: AskFlags, template: PromptTemplate, values: Mapping[str, str]) -> dict[str, Any]:
    """What the template sets: the flags that are unset, with their values.

    --no-reason overrides a template's effort and thinking budget; --effort and --think-budget override its `reason`.
    """
    settings = dict(template.settings)
    if flags.reason is False:
        settings = {name: value for name, value in settings.items() if name not in {"effort", "think_budget"}}
    elif flags.effort is not None or flags.think_budget is not None:
        settings.pop("reason", None)
    if template.stop:
        settings["stop"] = list(template.stop)
    if template.schema is not None and not constrains(flags):
        schema = template.schema
        settings["schema"] = schema if isinstance(schema, str) else json.dumps(schema)
    if template.system is not None:
        settings["system"] = literal(string.Template(template.system).substitute(values))
    return {
        name: _ENUMS[name](value) if name in _ENUMS else value
        for name, value in settings.items()
        if getattr(flags, name) is None
    }


def beyond_the_prompt(settings: Mapping[str, Any]) -> dict[str, str]:
    """Those that reach beyond the prompt and its sampling, in words: other models, files, this machine's resources."""
    reaching = {
        name: str(value)
        for name, value in settings.items()
        if name not in trust.HARMLESS or (name == "schema" and names_a_file(value))
    }
    return {name: value[:_LONGEST_SHOWN] for name, value in reaching.items()}


def need_trust(template: PromptTemplate, reaching: Mapping[str, str], streams: Streams) -> None:
    """Return if the template is trusted, or becomes so on a terminal. Raises MullError (untrusted_template)."""
    path = template.path
    if trust.is_trusted(path):
        return
    place = Path(os.path.realpath(path)).parent
    why = trust.cannot_be_trusted(place)
    if why is None and streams.stdin_tty and streams.stderr_tty:
        streams.note(f"The template {path} sets more than the prompt:")
        for name, value in reaching.items():
            streams.note(f"  {name} = {value}")
        if streams.confirm(f"Trust the templates in {place}?"):
            with suppress(OSError):  # a disk that refuses only costs the same question next time
                trust.trust(place)
            return
    names = ", ".join(reaching)
    raise MullError(
        "untrusted_template",
        f"The template {path} sets {names}, and its folder is not trusted.",
        f"It cannot be: {why}." if why else f"If it may: mull templates trust {shlex.quote(_project(place))}",
    )


def _project(place: Path) -> str:
    """What to name in `mull templates trust` for this folder of templates."""
    around = place.parent.parent
    return str(around if place == around / files.PROJECT else place)
