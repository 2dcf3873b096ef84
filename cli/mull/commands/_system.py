"""The system prompt as it is given: a text, `@FILE` for the text of a file, or `@@…` for a text that begins with an @.

In: what a flag, the config or `/system` says. Out: the text. Raises MullError for a file that is missing or no text,
UsageError for an @ without a file.
"""

from __future__ import annotations

from pathlib import Path

from mull.errors import MullError, UsageError
from mull.fs.text import read_text

MARK = "@"
_LITERAL = "A text that begins with @ is written with two: @@…"


def system_text(given: str, *, pipes: bool = False) -> str:
    """The system prompt. `pipes`: `@<(command)` may be read, too."""
    if not given.startswith(MARK):
        return given
    name = given[1:]
    if name.startswith(MARK):
        return name
    if not name.strip() or name == "-":
        what = "takes no standard input, which is the question's" if name == "-" else "names no file"
        raise UsageError("usage_error", f"The system prompt {given} {what}.", _LITERAL)
    path = user_file(name)
    try:
        text, replaced = read_text(path, pipes=pipes)
    except MullError as error:
        if error.code == "file_unreadable":
            error.hint = f"{error.hint} {_LITERAL}"
        raise
    if replaced:
        raise MullError("binary_input", f"{path} is not UTF-8 text.", "Save it as UTF-8.")
    if not text.strip():
        raise MullError("empty_file", f"{path} is empty.", "Write the system prompt into it.")
    return text.strip("\r\n")


def literal(text: str) -> str:
    """A text that is taken as it is, in the form that `system_text` reads."""
    return MARK + text if text.startswith(MARK) else text


def user_file(name: str) -> Path:
    """A path that a user typed, with `~` for a home folder."""
    try:
        return Path(name).expanduser()
    except RuntimeError:  # no such user
        return Path(name)
