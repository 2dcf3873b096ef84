"""A chat template, rendered as Hugging Face's `apply_chat_template` does, in a sandbox with limits.

In: a template's source and the texts of its special tokens, then messages and arguments. Out: the rendered text. Raises
`TemplateError` for bad syntax, `raise_exception`, endless loops, oversized values and access to Python's internals,
and `Interrupted` where the caller's check (`process.stoppable`) says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mull.chat_template.facts import TemplateFacts
from mull.chat_template.limits import HINT, NO_ARGUMENTS
from mull.chat_template.special_texts import SpecialTexts
from mull.errors import TemplateError

if TYPE_CHECKING:
    from mull.chat_template.local import LocalTemplate
    from mull.chat_template.process import RemoteTemplate

__all__ = ["HINT", "NO_ARGUMENTS", "Template"]

_OWN_FAILURES = ("chat_template_refused", "chat_template_failed", "chat_template_unsafe")
"""Failures that a template repeats. Others may be due to this moment: a busy machine, no memory."""


class Template:
    """One model's chat template. `bos`, `eos` and `tokens` are the texts of its special tokens. It is compiled with its
    first rendering. `state_dir`: where what renderings show about it is cached (None: nowhere).

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
        state_dir: Path | None = None,
    ) -> None:
        self.source = source
        self.spelled = bos + eos + "".join(text for _, text in tokens)
        self.facts = TemplateFacts(state_dir, source, bos, eos, tokens, vouched)
        self._texts: dict[str, Any] = {"bos": bos, "eos": eos, "tokens": tokens}
        self._vouched = vouched

    @cached_property
    def _renderer(self) -> LocalTemplate | RemoteTemplate:
        """Compiles the source. Raises TemplateError."""
        if self._vouched:
            from mull.chat_template.local import LocalTemplate

            return LocalTemplate(self.source, **self._texts)
        from mull.chat_template.process import RemoteTemplate

        return RemoteTemplate(self.source, **self._texts)

    @property
    def variables(self) -> Mapping[str, Sequence[Any]]:
        """The variables that the template reads, each with the constants that it is compared with. Raises
        TemplateError."""
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
        try:
            return self._renderer.render(
                messages,
                add_generation_prompt=add_generation_prompt,
                arguments=arguments,
                now=now or datetime.now(),  # templates may state the user's local date
            )
        except TemplateError as error:
            if error.code not in _OWN_FAILURES:
                self.facts.distrust()
            raise
