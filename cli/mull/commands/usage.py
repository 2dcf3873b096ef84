"""What Click finds wrong with a command line, as an error with a hint."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from typing import Any

from mull.commands._lone_word import ELSEWHERE
from mull.errors import UsageError
from mull.terminal.console.sanitize import one_line

_KINDS = {
    "is not a valid int range": "is not a whole number",
    "is not a valid integer range": "is not a whole number",
    "is not a valid integer": "is not a whole number",
    "is not a valid float range": "is not a number",
    "is not a valid float": "is not a number",
}
"""Click's names of types, and what a reader calls them."""
_LONGEST_SHOWN = 60  # characters of a prompt that was taken for an option


def usage_error(usage: Any, words: Sequence[str]) -> UsageError:
    """A faulty command line. A prompt that begins with a dash looks like an option: then the hint names `--`."""
    message, hint = usage.format_message().rstrip("."), _help_line(usage)
    for ending, plain in _KINDS.items():
        if message.endswith(ending):
            message = message.removesuffix(ending) + plain
    name = getattr(usage, "option_name", None)
    found = next((word for word in words if name and word.startswith(name)), "")
    if name and (any(map(str.isspace, found)) or found[1:2].isdigit()):
        text = one_line(found)
        shown = text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"
        return UsageError(
            "usage_error", f"No such option: {shown}", f"A prompt goes after --: mull -- {shlex.quote(shown)}"
        )
    return UsageError("usage_error", message, hint)


def _help_line(usage: Any) -> str:
    path = usage.ctx.command_path if getattr(usage, "ctx", None) is not None else "mull"
    said = re.match(r"No such command '(\w+)'", usage.format_message())
    name = ELSEWHERE.get(said[1]) if said else None
    if name is not None and name in usage.ctx.command.list_commands(usage.ctx):
        return f"Did you mean {path} {name}?"
    return f"{path.replace('ask-or-chat', 'ask')} --help shows the options."
