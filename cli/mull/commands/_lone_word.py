"""A question that looks like a command: `mull modles`, `mull -q sessions`, `mull history`, `mull run llama3`."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from mull.errors import UsageError
from mull.suggest import did_you_mean, within_two_edits

ELSEWHERE = {
    "benchmark": "bench",
    "completion": "--install-completion",
    "delete": "rm",
    "download": "pull",
    "export": "sessions export",
    "history": "sessions",
    "info": "show",
    "install": "pull",
    "keys": "endpoints",
    "log": "sessions",
    "logs": "sessions",
    "remove": "rm",
    "repl": "chat",
    "resume": "chat -c",
    "run": "chat",
    "search": "models search",
    "settings": "config",
    "uninstall": "rm",
}
"""What commands of other tools are called here."""

_PROMPTS = "hello hallo hola what how that test tests tell best life math email rust bash shell docker"
"""Words that people do ask, although two edits make a command of them."""


_MODEL = re.compile(r"[a-z][\w.-]*(?:[:/][\w./:-]+|\d[\w.-]*)", re.IGNORECASE)
_FILE = re.compile(r".*\.[a-z]{1,4}\d?", re.IGNORECASE)


def check(words: Sequence[str], commands: Collection[str]) -> None:
    """Raises UsageError (unknown_command) for a single word that is a command's name or nearly one, and for
    `run MODEL`."""
    if len(words) >= 2 and words[0] == "run" and _MODEL.fullmatch(words[1]) and not _FILE.fullmatch(words[1]):
        raise UsageError(
            "unknown_command",
            "There is no command run.",
            f'mull chat -m {words[1]} opens a chat with it, mull -m {words[1]} "…" asks one question.',
        )
    if len(words) != 1 or not re.fullmatch(r"\w[\w-]*", words[0]):
        return
    word = words[0].casefold()
    near = [ELSEWHERE[word]] if word in ELSEWHERE else within_two_edits(word, commands)
    if word in _PROMPTS.split() or not near:
        return
    if word in commands:
        what = f"{word} is a command, and commands come first, in small letters."
    else:
        what = f"There is no command {words[0]}."
    meant = did_you_mean([f"mull {name}" for name in near])
    raise UsageError("unknown_command", what, f"{meant} To ask the model: mull ask {words[0]}")
