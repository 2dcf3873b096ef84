"""Completions for the chat's input, as plain values: who completes need not know the toolkit that shows them.

In: the text before the cursor. Out: suggestions, each saying how much of that text it replaces.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Suggestion:
    """`text` takes the place of the last `replaces` characters before the cursor; `about` stands beside it in
    the menu."""

    text: str
    replaces: int
    about: str = ""


Suggest = Callable[[str], Iterator[Suggestion]]


def paths(word: str) -> Iterator[Suggestion]:
    """The files and folders whose path begins with `word` (`~` is home); hidden ones only when the dot is
    typed."""
    head, _, beginning = word.rpartition("/")
    try:
        folder = Path(head + "/" if word.startswith("/") and not head else head or ".").expanduser()
        found = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except (OSError, RuntimeError, ValueError):  # not there; nobody's home; a character that no path has
        return
    for entry in found:
        if entry.name.startswith(beginning) and (beginning or not entry.name.startswith(".")):
            try:
                slash = "/" if entry.is_dir() else ""
            except OSError:
                slash = ""
            yield Suggestion(entry.name + slash, len(beginning), "folder" if slash else "")
