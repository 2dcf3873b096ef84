"""What a terminal once said of its background, for commands that must not ask it.

A question to the terminal reads its input, and what a user types for the shell while `mull list` runs would be lost.
In: the environment, which names the kind of terminal. Out: "dark" or "light", from the state folder. Nothing raises.
"""

from __future__ import annotations

from collections.abc import Mapping

from mull.fs import paths
from mull.fs.json_cache import JsonCache
from mull.terminal.console.theme import ThemeName

_NAMES = ("TERM", "TERM_PROGRAM", "COLORTERM", "TERMINAL_EMULATOR", "WT_PROFILE_ID", "SSH_CONNECTION")
_LONGEST = 80  # characters of a variable


def recall(environ: Mapping[str, str]) -> ThemeName | None:
    """The background of the terminal that this environment names; None if it was never asked, or said nothing."""
    found = (_cache().get(_key(environ)) or {}).get("background")
    return found if found in ("dark", "light") else None


def remember(environ: Mapping[str, str], background: ThemeName) -> None:
    """Store what a terminal said, where that is new."""
    if recall(environ) != background:
        _cache().put(_key(environ), {"background": background})


def _cache() -> JsonCache:
    return JsonCache(paths.state_dir() / "terminals.json")


def _key(environ: Mapping[str, str]) -> str:
    """Of a connection the client's address alone: its port is another one each time."""
    values = {name: environ.get(name, "")[:_LONGEST] for name in _NAMES}
    values["SSH_CONNECTION"] = values["SSH_CONNECTION"].partition(" ")[0]
    return " ".join(f"{name}={value}" for name, value in values.items() if value)
