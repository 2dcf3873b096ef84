"""The words after `mull help`: the names of a command, or the rest of a prompt (`mull help me write a poem`).

In: the words, and the group of all commands. Out: how many of them name commands; whether they are a prompt.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mull.help import HELP_FLAGS
from mull.suggest import within_two_edits

_FEWEST = 2  # words after the names; a single one is more likely a misspelled command


def named(words: Sequence[str], group: Any) -> tuple[int, list[str]]:
    """How many of the words name a command and those below it, and the names that could come next."""
    for position, word in enumerate([*words, ""]):
        names = _names(group)
        below = group.get_command(None, word) if names else None
        if below is None or below.hidden:
            return position, names
        group = below
    raise AssertionError  # no command has an empty name


def are_prompt(words: Sequence[str], group: Any) -> bool:
    """Whether the words that follow `help` are for the model: two or more that name no command, nor nearly one.

    Words within one argument count, options do not.
    """
    if {*HELP_FLAGS["help_option_names"]} & {*words}:
        return False
    rest = words[named(words, group)[0] :]
    said = " ".join(word for word in rest if not word.startswith("-")).split()
    return len(said) >= _FEWEST and not _misspelled(words, group)


def _misspelled(words: Sequence[str], group: Any) -> bool:
    """Whether every word is a command's name or nearly one, each below the one before."""
    for word in words:
        names = _names(group)
        found = (
            [word]
            if group is not None and names and group.get_command(None, word)
            else within_two_edits(word, names)
        )
        if not found:
            return False
        group = group.get_command(None, found[0])
    return True


def _names(command: Any) -> list[str]:
    """The commands below a command."""
    return list(command.list_commands(None)) if hasattr(command, "list_commands") else []
