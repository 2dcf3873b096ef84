"""The flag --lora, and what it names: adapters with the whole path of their files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mull.errors import UsageError
from mull.settings import parse_lora


def _checked(values: list[str] | None) -> list[str] | None:
    """The callback. Raises UsageError for what names no adapter."""
    for value in values or ():
        if not value:
            hint = "A variable of the shell may be unset; leave the option out."
            raise UsageError("usage_error", "The path after --lora is empty.", hint)
        try:
            parse_lora(value)
        except ValueError as error:
            hint = "For example: --lora style.gguf, or --lora style.gguf=0.5."
            raise UsageError("usage_error", f"--lora takes {error}.", hint) from error
    return values or None


Lora = Annotated[
    list[str] | None,
    typer.Option(
        "--lora",
        metavar="FILE[=SCALE]",
        help="Apply a LoRA adapter (.gguf) to the model (repeatable).",
        callback=_checked,
    ),
]


def absolute(adapter: str) -> str:
    """An adapter with the whole path of its file: a process that keeps the model works in another folder."""
    file, scale = parse_lora(adapter)
    return f"{Path(file).expanduser().absolute()}={scale:g}"
