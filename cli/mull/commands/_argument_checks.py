"""Checks of arguments: `-` is stdin only where a command's help says so, and a text is UTF-8. Raises UsageError."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import typer

from mull.errors import UsageError
from mull.fs.os_failures import not_utf8
from mull.fs.text import is_unicode

_TEXTS = {"system", "stop", "params", "session", "extract_lang", "prefill"}
"""Options whose values are text; those that may name files take any bytes."""
_NAMES = {
    "model": "-m",
    "session": "--session",
    "template": "-t",
    "draft": "--draft",
    "chat_template": "--chat-template",
}
"""Options that name something, as they are typed: an empty name is an unset variable of a shell."""


def reads_file(parameter: typer.CallbackParam, value: Any) -> Any:
    """A callback of what names a file to read: `-`, which is stdin elsewhere, is refused."""
    return _no_dash(parameter, value, "Give the path of a file, or <(command).")


def writes_file(parameter: typer.CallbackParam, value: Any) -> Any:
    """The same of what names a file to write."""
    return _no_dash(parameter, value, "Give the path of a file, or /dev/stderr.")


def to_stdout(_parameter: typer.CallbackParam, value: Any) -> Any:
    """A callback of what names the file for a result: `-` is stdout, where it goes without the option."""
    return None if value is not None and str(value) == "-" else value


def _no_dash(parameter: typer.CallbackParam, value: Any, hint: str) -> Any:
    if value is not None and str(value) == "-":
        name = parameter.opts[-1] if parameter.param_type_name == "option" else str(parameter.metavar)
        raise UsageError("usage_error", f"{name}: - is not a file.", hint)
    return value


def each_parsed(spelling: str, parse: Callable[[str], object], example: str) -> Any:
    """A callback of a repeatable option. Raises UsageError with what a value has to be, as `parse` says it."""

    def check(values: list[str] | None) -> list[str] | None:
        for value in values or ():
            try:
                parse(value)
            except ValueError as error:
                raise UsageError(
                    "usage_error", f"{spelling} takes {error}.", f"For example: {example}"
                ) from error
        return values or None

    return check


def check_texts(values: Mapping[str, Any]) -> None:
    """Refuse a text for the model that is not UTF-8, and an empty name. Raises UsageError."""
    for name, spelling in _NAMES.items():
        value = values.get(name)
        if value is not None and not value.strip():
            hint = "A variable of the shell may be unset; leave the option out."
            raise UsageError("usage_error", f"The name after {spelling} is empty.", hint)
    for name in _TEXTS & values.keys():
        value = values[name]
        for text in value if isinstance(value, list) else [value or ""]:
            if not is_unicode(text):
                raise not_utf8(text)
