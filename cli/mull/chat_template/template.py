"""A chat template, rendered as Hugging Face's `apply_chat_template` does, in a sandbox with limits.

In: a template's source and the texts of its special tokens, then messages and arguments. Out: the rendered text. Raises
`TemplateError` for bad syntax, `raise_exception`, endless loops, oversized values and access to Python's internals,
and `Interrupted` where the caller's check (`process.stoppable`) says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mull.chat_template.limits import HINT, NO_ARGUMENTS
from mull.chat_template.special_texts import SpecialTexts

if TYPE_CHECKING:
    from mull.chat_template.local import LocalTemplate
    from mull.chat_template.process import RemoteTemplate

__all__ = ["HINT", "NO_ARGUMENTS", "Template"]


class Template:
    """One model's chat template. `bos`, `eos` and `tokens` are the texts of its special tokens.

    `vouched` says that mull answers for the source: it is pebble's, or it comes from a file that the catalogue
    lists and whose digest was verified. Such a template renders in this process. Every other one renders in the
    renderer process, whose time and memory are limited and which may crash: a digest that matches what a stranger
    published says who wrote a template, not what it does, and no trial rendering bounds what it does with other texts.
    """

    def __init__(
        self,
        source: str,
        *,
        bos: str = "",
        eos: str = "",
        tokens: SpecialTexts = (),
        vouched: bool = False,
    ) -> None:
        self.source = source
        self.spelled = bos + eos + "".join(text for _, text in tokens)
        self._renderer: LocalTemplate | RemoteTemplate
        if vouched:
            from mull.chat_template.local import LocalTemplate

            self._renderer = LocalTemplate(source, bos=bos, eos=eos, tokens=tokens)
        else:
            from mull.chat_template.process import RemoteTemplate

            self._renderer = RemoteTemplate(source, bos=bos, eos=eos, tokens=tokens)

    @property
    def variables(self) -> Mapping[str, Sequence[Any]]:
        """The variables that the template reads, each with the constants that it is compared with."""
        return self._renderer.variables

    def render(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        add_generation_prompt: bool = True,
        arguments: Mapping[str, Any] = NO_ARGUMENTS,
        now: datetime | None = None,
    ) -> str:
        """The prompt's text. `now` fixes the clock of `strftime_now`, so that two renderings of one turn agree."""
        return self._renderer.render(
            messages,
            add_generation_prompt=add_generation_prompt,
            arguments=arguments,
            now=now or datetime.now(),  # templates may state the user's local date
        )
