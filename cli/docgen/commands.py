"""docs/commands.md: the help of every command, as `mull COMMAND --help` prints it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer

from mull.app import app

WIDTH = 90
HEAD = """# Commands

Generated from the parser by `make docs`. `mull COMMAND --help` prints the same.
"""


def page() -> str:
    """The page's text."""
    parts = [HEAD]
    for name, command in walk(typer.main.get_command(app), "mull"):
        context = command.make_context(
            name, [], resilient_parsing=True, terminal_width=WIDTH, max_content_width=WIDTH
        )
        context.info_name = name
        parts.append(f"## `{name}`\n\n```text\n{command.get_help(context).rstrip()}\n```\n")
    return "\n".join(parts)


def walk(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    """The command and all below it, each with its full name."""
    yield name, command
    if hasattr(command, "list_commands"):
        context = command.make_context(name, [], resilient_parsing=True)
        for word in command.list_commands(context):
            yield from walk(command.get_command(context, word), f"{name} {word}")
