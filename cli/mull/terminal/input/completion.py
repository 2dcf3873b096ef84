"""Completions for the chat's input, as plain values: completers need not know prompt_toolkit.

In: the text before the cursor. Out: suggestions, each with the number of characters that it replaces.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

from mull.dataclass import dataclass

AfterEnter = Literal["submit", "argument", "nothing"]


@dataclass(frozen=True, slots=True)
class Suggestion:
    """`text` replaces the last `replaces` characters before the cursor; the menu shows `about` beside it.

    `enter`: what follows when Enter accepts it: the line is submitted, an argument is awaited, or nothing. `closed`:
    nothing else can stand here, so Enter also takes it unasked if it is the only one.
    """

    text: str
    replaces: int
    about: str = ""
    enter: AfterEnter = "nothing"
    closed: bool = False


Suggest = Callable[[str], Iterator[Suggestion]]


def paths(word: str) -> Iterator[Suggestion]:
    """The files and folders whose path begins with `word` (`~` is home); hidden ones only after a dot."""
    head, _, beginning = word.rpartition("/")
    try:
        folder = Path(head + "/" if word.startswith("/") and not head else head or ".").expanduser()
        found = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except (
        OSError,
        RuntimeError,
        ValueError,
    ):  # no such folder; no home folder; a character that no path can have
        return
    for entry in found:
        if entry.name.startswith(beginning) and (beginning or not entry.name.startswith(".")):
            try:
                slash = "/" if entry.is_dir() else ""
            except OSError:
                slash = ""
            yield Suggestion(entry.name + slash, len(beginning), "folder" if slash else "")
