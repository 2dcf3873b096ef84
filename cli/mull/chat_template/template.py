"""A chat template, rendered as Hugging Face's `apply_chat_template` does, in a sandbox with limits.

In: a template's source and its BOS and EOS texts, then messages and arguments. Out: the rendered text. Raises
`TemplateError` for bad syntax, `raise_exception`, endless loops, oversized values and access to Python's internals.
Compiled templates are cached for the life of the process.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, Final

from mull.errors import TemplateError

if TYPE_CHECKING:
    import jinja2

    from mull.chat_template.sandbox import ChatEnvironment

MAX_MISSING = 8  # undefined variables to fill in
MAX_SOURCE = 1_000_000  # characters; the longest published chat templates have some 20,000
HINT: Final = "Use another file of this model, or look at its template with: mull inspect FILE"
NO_ARGUMENTS: Final[Mapping[str, Any]] = {}


@cache
def environment() -> ChatEnvironment:
    """The process's only environment (jinja2 is imported here, on first use)."""
    from mull.chat_template.sandbox import ChatEnvironment

    return ChatEnvironment()


@lru_cache(maxsize=64)
def _compiled(source: str) -> tuple[jinja2.Template, dict[str, list[Any]]]:
    from jinja2 import TemplateSyntaxError

    from mull.chat_template.budget import LimitError

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
            f"The model's chat template has a syntax error in line {error.lineno}: {_one_line(error.message)}",
            HINT,
        ) from error
    except (
        LimitError,
        RecursionError,
        MemoryError,
        SyntaxError,
        ValueError,
        TypeError,
        AssertionError,
    ) as error:
        raise TemplateError(
            "chat_template_syntax", f"The model's chat template cannot be compiled: {_one_line(error)}", HINT
        ) from error


class Template:
    """One model's chat template. `bos` and `eos` are the texts of its special tokens."""

    def __init__(self, source: str, *, bos: str = "", eos: str = "") -> None:
        self.source = source
        self.bos = bos
        self.eos = eos
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
        add_generation_prompt: bool = True,
        arguments: Mapping[str, Any] = NO_ARGUMENTS,
        now: datetime | None = None,
    ) -> str:
        """The prompt's text. `now` fixes the clock of `strftime_now`, so that two renderings of one turn agree."""
        moment = now or datetime.now()  # templates may state the user's local date
        while True:
            try:
                return self._render_once(
                    {
                        **{
                            name: moment.strftime("%B %d %Y") if "date" in name else ""
                            for name in self._missing
                        },
                        "messages": messages,
                        "add_generation_prompt": add_generation_prompt,
                        "bos_token": self.bos,
                        "eos_token": self.eos,
                        "strftime_now": lambda pattern="%Y-%m-%d": moment.strftime(str(pattern)[:200]),
                        **arguments,
                    }
                )
            except TemplateError as error:
                # A few old templates use variables that only their vendors' tools define (`functions`, `datetime`).
                name = _undefined_name(error.__cause__)
                if name is None or name in self._missing or len(self._missing) >= MAX_MISSING:
                    raise
                self._missing.append(name)

    def _render_once(self, variables: dict[str, Any]) -> str:
        from jinja2.exceptions import SecurityError

        from mull.chat_template.budget import LimitError
        from mull.chat_template.sandbox import RaisedError

        sandbox = environment()
        sandbox.begin(_characters(variables["messages"]) + len(self.source))
        try:
            return sandbox.collect(self._template.root_render_func(self._template.new_context(variables)))
        except RaisedError as error:
            raise TemplateError(
                "chat_template_refused",
                f"The model's chat template refuses this conversation: {_one_line(error)}",
                "Start a new conversation, or change the system prompt.",
            ) from error
        except SecurityError as error:
            raise TemplateError(
                "chat_template_unsafe",
                f"The model's chat template was stopped for safety: {_one_line(error)}",
                HINT,
            ) from error
        except (LimitError, RecursionError, MemoryError, OverflowError) as error:
            why = _one_line(error) if isinstance(error, LimitError) else "it runs too long."
            raise TemplateError(
                "chat_template_limit", f"The model's chat template was stopped: {why}", HINT
            ) from error
        except Exception as error:  # a template can raise any error
            raise TemplateError(
                "chat_template_failed",
                f"The model's chat template fails: {type(error).__name__}: {_one_line(error)}",
                HINT,
            ) from error


def _undefined_name(error: BaseException | None) -> str | None:
    """The name of the undefined variable that made a template fail, or None."""
    from jinja2 import UndefinedError

    found = re.fullmatch(r"'(\w+)' is undefined", str(error)) if isinstance(error, UndefinedError) else None
    return found.group(1) if found else None


def _one_line(error: object) -> str:
    return " ".join(str(error).split())[:300].rstrip(".") + "."


def _characters(value: Any) -> int:
    """The number of characters in a value, for the budget."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, Mapping):
        return sum(map(_characters, value.values()))
    if isinstance(value, (list, tuple)):
        return sum(map(_characters, value))
    return 0
