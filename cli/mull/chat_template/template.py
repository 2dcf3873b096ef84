"""A chat template, rendered as Hugging Face's `apply_chat_template` renders it, in a sandbox with bounds.

In: a template's source and its special texts, then messages and arguments. Out: the rendered text.
Raises `TemplateError` whatever goes wrong: bad syntax, `raise_exception`, a loop without end, a value without
measure, a reach for Python's internals. Compiled sources are kept for the life of the process.
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

MAX_MISSING = 8  # variables that a template may lack
MAX_SOURCE = 1_000_000  # characters; the longest published chat templates have some 20,000
HINT: Final = "Use another file of this model, or look at its template with: mull inspect FILE"
NO_ARGUMENTS: Final[Mapping[str, Any]] = {}


@cache
def environment() -> ChatEnvironment:
    """The process's one environment (jinja2 is imported here, on first need)."""
    from mull.chat_template.sandbox import ChatEnvironment

    return ChatEnvironment()


@lru_cache(maxsize=64)
def _compiled(source: str) -> tuple[jinja2.Template, dict[str, list[Any]]]:
    from jinja2 import TemplateSyntaxError

    from mull.chat_template.budget import LimitError

    if len(source) > MAX_SOURCE:
        raise TemplateError("chat_template_too_long", "The model's chat template is absurdly long.", HINT)
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
    """One model's chat template. `bos` and `eos` are the texts of its special tokens, as templates expect them."""

    def __init__(self, source: str, *, bos: str = "", eos: str = "") -> None:
        self.source = source
        self.bos = bos
        self.eos = eos
        self._template, self._variables = _compiled(source)
        self._missing: list[str] = []

    @property
    def variables(self) -> Mapping[str, Sequence[Any]]:
        """The variables that the template reads, each with the constants that it compares them with."""
        return self._variables

    def render(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        add_generation_prompt: bool = True,
        arguments: Mapping[str, Any] = NO_ARGUMENTS,
        now: datetime | None = None,
    ) -> str:
        """The prompt's text. `now` fixes the clock that `strftime_now` shows (two renderings of one turn agree)."""
        moment = now or datetime.now()  # templates tell the model the user's own date
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
                # A few old templates use variables that only their own tools give (`functions`, `datetime`).
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
                f"The model's chat template does what it must not: {_one_line(error)}",
                HINT,
            ) from error
        except (LimitError, RecursionError, MemoryError, OverflowError) as error:
            why = _one_line(error) if isinstance(error, LimitError) else "it runs without end."
            raise TemplateError(
                "chat_template_limit", f"The model's chat template was stopped: {why}", HINT
            ) from error
        except Exception as error:  # a template can meet any error Python has
            raise TemplateError(
                "chat_template_failed",
                f"The model's chat template fails: {type(error).__name__}: {_one_line(error)}",
                HINT,
            ) from error


def _undefined_name(error: BaseException | None) -> str | None:
    """The variable that a template missed, if that was its trouble."""
    from jinja2 import UndefinedError

    found = re.fullmatch(r"'(\w+)' is undefined", str(error)) if isinstance(error, UndefinedError) else None
    return found.group(1) if found else None


def _one_line(error: object) -> str:
    return " ".join(str(error).split())[:300].rstrip(".") + "."


def _characters(value: Any) -> int:
    """How much text a value holds, for the budget."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, Mapping):
        return sum(map(_characters, value.values()))
    if isinstance(value, (list, tuple)):
        return sum(map(_characters, value))
    return 0
