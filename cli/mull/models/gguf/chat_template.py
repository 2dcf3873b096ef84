"""Which chat template of a GGUF to use, and what to say where it is not simply the file's one.

In: a header. Out: the source (None: a base model) and a sentence, empty where there is nothing to say. Some converters
write several named templates and no main one, a list instead of a text, or none at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from mull.chat_template.builtin import BUILTIN
from mull.dataclass import dataclass
from mull.models.gguf.header import Header

KEY: Final = "tokenizer.chat_template"
SPECIAL_PURPOSE: Final = ("tool_use", "rag")  # templates that others are preferred to
CHATML_TOKENS: Final = frozenset(BUILTIN["chatml"].needs)
CHATML: Final = BUILTIN["chatml"].source
CHATML_USED: Final = (
    "The file has no chat template; ChatML, whose tokens it has, is used. A base model may not answer."
)
BASE: Final = "This model has no chat template: it continues the text and does not answer questions."


@dataclass(frozen=True, slots=True)
class ChosenTemplate:
    """A chat template's source, and a sentence about the choice. `own`: the source is mull's, not the file's."""

    source: str | None
    notice: str = ""
    own: bool = False


def choose_template(header: Header) -> ChosenTemplate:
    """The main template, else a listed or named one, else ChatML where the vocabulary has its tokens, else none."""
    main = header.metadata.get(KEY)
    if isinstance(main, str) and _is_template(main):
        return ChosenTemplate(main)
    if listed := _listed(main):
        return ChosenTemplate(listed, "The file has a list of chat templates; the first one is used.")
    if named := _named(header.templates):
        name, source = named
        return ChosenTemplate(source, f"The file has no main chat template; its template {name!r} is used.")
    if header.has_tokenizer and set(header.special_tokens.values()) >= CHATML_TOKENS:
        return ChosenTemplate(CHATML, CHATML_USED, own=True)
    return ChosenTemplate(None, BASE)


def _listed(value: Any) -> str:
    texts = value if isinstance(value, tuple) else ()
    return next((text for text in texts if isinstance(text, str) and _is_template(text)), "")


def _is_template(text: str) -> bool:
    """Whether it inserts anything: blank or constant text shows no message to the model."""
    return "{" in text


def _named(templates: Mapping[str, str]) -> tuple[str, str] | None:
    """The template `default`, else one for chats, else any."""
    usable = [name for name, source in templates.items() if _is_template(source)]
    usable.sort(key=lambda name: (name != "default", name in SPECIAL_PURPOSE))
    return (usable[0], templates[usable[0]]) if usable else None
