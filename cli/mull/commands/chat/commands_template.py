"""The slash command /template: ask one question with a prompt template.

In: a template's name, values as KEY=VALUE, and the text that the prompt is about. Its settings hold for this question,
its system prompt for the conversation, as with `mull -c -t NAME`. What reaches beyond the prompt (a model, a file) is
not used, so that no folder has to be trusted.
"""

from __future__ import annotations

import dataclasses
import json
import re
import string
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mull.commands._run_config import ReasoningLayers
from mull.commands.chat.asking import ask
from mull.commands.chat.pickers import pick_template
from mull.commands.chat.registry import action
from mull.commands.chat.session import Chat
from mull.conversation.preferences import Preferences
from mull.settings import ReasoningAsk, Sampling
from mull.terminal.console.sanitize import one_line
from mull.terminal.input.picker import can_pick

if TYPE_CHECKING:
    from mull.prompt_templates.template import PromptTemplate

_VALUE = re.compile(r'\s*([A-Za-z_]\w*)=(?:"([^"]*)"|(\S*))(?:\s+|$)')
_THINKING = ("reason", "effort", "think_budget")


@action("template")
def _template(chat: Chat, argument: str) -> None:
    from mull.prompt_templates import files

    here = files.working_folder()
    names = [path.stem for path in files.all_files(here)]
    if not argument:
        if not names:
            chat.note("There is no prompt template here. mull templates edit NAME makes one.")
            return
        argument = pick_template(chat) or ""
        if not argument:
            if not can_pick(chat.streams):
                chat.note(f"Prompt templates: {', '.join(names)}.")
            return
    name = max((one for one in names if f"{argument} ".startswith(f"{one} ")), key=len, default="")
    name = name or argument.split()[0]
    template = files.find(name, here)
    given, text = _values(template, argument[len(name) :])
    if missing := _missing(template, given, text):
        value = "" if missing == "text" else f"{missing}="
        chat.draft = f"/template {argument} {value}"
        chat.note(f"{template.name} needs {'a text' if missing == 'text' else f'a value: {missing}=…'}")
        return
    _ask(chat, template, template.values(given), text)


def _values(template: PromptTemplate, text: str) -> tuple[dict[str, str], str]:
    """The values at the beginning of a text, and the rest of it."""
    given: dict[str, str] = {}
    while (found := _VALUE.match(text)) and found[1] in template.variables:
        given[found[1]] = found[3] if found[2] is None else found[2]
        text = text[found.end() :]
    return given, text.strip()


def _missing(template: PromptTemplate, given: Mapping[str, str], text: str) -> str:
    """What is to be typed yet: the name of a value, or "text"; empty if nothing is."""
    for name in template.variables:
        if name not in given and name not in template.defaults:
            return name
    return "text" if not text and (template.takes_input or template.prompt is None) else ""


def _ask(chat: Chat, template: PromptTemplate, values: Mapping[str, str], text: str) -> None:
    """Ask with the template's settings, and restore the user's own."""
    from mull.commands._prompt_template import beyond_the_prompt

    settings = dict(template.settings)
    if template.schema is not None:
        settings["schema"] = (
            template.schema if isinstance(template.schema, str) else json.dumps(template.schema)
        )
    if unused := beyond_the_prompt(settings):
        chat.note(f"Not used in a chat: {', '.join(f'{name} = {value}' for name, value in unused.items())}.")
    if template.system is not None:
        system = string.Template(template.system).substitute(values)
        if system != chat.conversation.branch.system:
            chat.conversation.branch.set_system(system)
            chat.note(f"System prompt: {one_line(system)}")
    own = chat.conversation.preferences
    used = {name: value for name, value in settings.items() if name not in unused}
    chat.conversation.preferences = _preferences(own, used, template.stop)
    try:
        ask(chat, chat.conversation.query(template.question(text, values)))
    finally:
        chat.conversation.preferences = own


def _preferences(own: Preferences, settings: Mapping[str, Any], stop: tuple[str, ...]) -> Preferences:
    """The user's preferences with the template's settings over them."""
    from mull.structured.reading import read_answer_format

    sampling = {field.name for field in dataclasses.fields(Sampling)} & settings.keys()
    asked = ReasoningAsk(
        on=True if settings.get("effort") else settings.get("reason"),
        effort=settings.get("effort"),
        budget=settings.get("think_budget"),
    )
    schema = settings.get("schema")
    direct = {"max_tokens", "loop_guard", "thinking", "markdown"} & settings.keys()
    return dataclasses.replace(
        own,
        reasoning=ReasoningLayers(asked, own.reasoning).merged(),
        sampling=dataclasses.replace(own.sampling, **{name: settings[name] for name in sampling}),
        stop=stop or own.stop,
        answer_format=read_answer_format(schema=schema) if schema else own.answer_format,
        **{name: settings[name] for name in direct},
    )
