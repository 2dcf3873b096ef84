"""The flag --lora, and what it names: adapters with the whole path of their files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mull.commands._argument_checks import each_parsed
from mull.errors import UsageError
from mull.settings import parse_lora


def _adapter(value: str) -> None:
    """Raises UsageError for an empty path, ValueError for what else names no adapter."""
    if not value:
        hint = "A variable of the shell may be unset; leave the option out."
        raise UsageError("usage_error", "The path after --lora is empty.", hint)
    parse_lora(value)


Lora = Annotated[
    list[str] | None,
    typer.Option(
        "--lora",
        metavar="FILE[=SCALE]",
        help="Apply a LoRA adapter (.gguf) to the model (repeatable).",
        callback=each_parsed("--lora", _adapter, "--lora style.gguf, or --lora style.gguf=0.5."),
    ),
]


def absolute(adapter: str) -> str:
    """An adapter with the whole path of its file: a process that keeps the model works in another folder."""
    file, scale = parse_lora(adapter)
    return f"{Path(file).expanduser().absolute()}={scale:g}"
