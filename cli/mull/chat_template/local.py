"""Compile and render a chat template in this process, as Hugging Face's `apply_chat_template` does, within limits.

In: a template's source and the texts of its special tokens, then messages and arguments. Out: the rendered text. Raises
`TemplateError` for bad syntax, `raise_exception`, endless loops, oversized values and access to Python's internals.
Imports jinja2; compiled templates are cached for the life of the process. The limits of `budget.py` stop what they
foresee; what they don't foresee can take this process along. So only vouched templates, and the renderer process
(`child.py`), come here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache, lru_cache
from typing import Any

import jinja2
from jinja2 import TemplateSyntaxError, UndefinedError
from jinja2.exceptions import SecurityError

from mull.chat_template.budget import LimitError
from mull.chat_template.limits import HINT, MAX_SOURCE, characters, one_line
from mull.chat_template.sandbox import ChatEnvironment, RaisedError
from mull.chat_template.special_texts import SpecialTexts
from mull.errors import TemplateError

MAX_MISSING = 8  # undefined variables to fill in
UNUSED = frozenset(["tools", "documents"])  # None, as in transformers: templates test `is not none`


@cache
def environment() -> ChatEnvironment:
    """The process's only environment."""
    return ChatEnvironment()


@lru_cache(maxsize=64)
def _compiled(source: str) -> tuple[jinja2.Template, dict[str, list[Any]]]:
    if len(source) > MAX_SOURCE:
        raise TemplateError(
            "chat_template_too_long",
            f"The model's chat template is longer than {MAX_SOURCE:,} characters.",
            HINT,
        )
    try:
        return environment().compiled(source)
    except TemplateSyntaxError as error:
        raise TemplateError(
            "chat_template_syntax",
            f"The model's chat template has a syntax error in line {error.lineno}: {one_line(error.message)}",
            HINT,
        ) from error
    except (
        LimitError,
        RecursionError,
        MemoryError,
        OverflowError,
        SyntaxError,
        ValueError,
        TypeError,
        AssertionError,
    ) as error:
        raise TemplateError(
            "chat_template_syntax", f"The model's chat template cannot be compiled: {_reason(error)}", HINT
        ) from error


class LocalTemplate:
    """One chat template, compiled in this process. `bos`, `eos` and `tokens` are the texts of its special tokens."""

    def __init__(self, source: str, *, bos: str = "", eos: str = "", tokens: SpecialTexts = ()) -> None:
        self.source = source
        self._constants: dict[str, Any] = {
            **dict(tokens),
            "bos_token": bos,
            "eos_token": eos,
            "tools": None,
            "documents": None,
        }
        self._template, self._variables = _compiled(source)
        self._missing: list[str] = []

    @property
    def variables(self) -> Mapping[str, Sequence[Any]]:
        """The variables that the template reads, each with the constants that it is compared with."""
        return self._variables

    def render(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        add_generation_prompt: bool,
        arguments: Mapping[str, Any],
        now: datetime,
    ) -> str:
        """The prompt's text; `now` is the time that `strftime_now` and a missing date variable show."""
        while True:
            try:
                return self._render_once(
                    {
                        **{
                            name: now.strftime("%B %d %Y") if "date" in name else "" for name in self._missing
                        },
                        **self._constants,
                        "messages": messages,
                        "add_generation_prompt": add_generation_prompt,
                        "strftime_now": lambda pattern="%Y-%m-%d": now.strftime(str(pattern)[:200]),
                        **arguments,
                    }
                )
            except TemplateError as error:
                if self._constants.keys() >= UNUSED and _lists_none(error.__cause__):
                    # Templates for tools may list them without a test. (transformers fails there.)
                    self._constants = {k: v for k, v in self._constants.items() if k not in UNUSED}
                    continue
                # A few old templates use variables that only their vendors' tools define (`functions`, `datetime`).
                name = _undefined_name(error.__cause__)
                if name is None or name in self._missing or len(self._missing) >= MAX_MISSING:
                    raise
                self._missing.append(name)

    def _render_once(self, variables: dict[str, Any]) -> str:
        sandbox = environment()
        sandbox.begin(characters(variables["messages"]) + len(self.source))
        try:
            return sandbox.collect(self._template.root_render_func(self._template.new_context(variables)))
        except RaisedError as error:
            raise TemplateError(
                "chat_template_refused",
                f"The model's chat template refuses this conversation: {one_line(error)}",
                "Start a new conversation, or change the system prompt.",
            ) from error
        except SecurityError as error:
            raise TemplateError(
                "chat_template_unsafe",
                f"The model's chat template was stopped for safety: {one_line(error)}",
                HINT,
            ) from error
        except (LimitError, RecursionError, MemoryError, OverflowError) as error:
            raise TemplateError(
                "chat_template_limit", f"The model's chat template was stopped: {_reason(error)}", HINT
            ) from error
        except Exception as error:  # a template can raise any error
            raise TemplateError(
                "chat_template_failed",
                f"The model's chat template fails: {type(error).__name__}: {one_line(error)}",
                HINT,
            ) from error


def _reason(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return "it needs too much memory."
    if isinstance(error, RecursionError):
        return "it nests too deep."
    if isinstance(error, OverflowError):
        return "a range or a number in it is too large."
    return one_line(error)


def _undefined_name(error: BaseException | None) -> str | None:
    """The name of the undefined variable that made a template fail, or None."""
    found = re.fullmatch(r"'(\w+)' is undefined", str(error)) if isinstance(error, UndefinedError) else None
    return found.group(1) if found else None


def _lists_none(error: BaseException | None) -> bool:
    """Whether a template failed because it uses None as a list or a mapping."""
    return isinstance(error, TypeError) and "NoneType" in str(error)
