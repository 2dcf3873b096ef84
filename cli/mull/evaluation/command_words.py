"""The words of a run's command: with absolute paths in the record of the run, without folders in its card.

In and out: FILE first where there is one, then options by their full names, each before its value.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from mull.chat_template.builtin import BUILTIN
from mull.models.disk.hf_cache import is_file
from mull.models.naming.reference import is_path

Change = Callable[[str], str]


def absolute(words: Sequence[str]) -> list[str]:
    """The same command for any working directory, FILE aside: the record of a run has its path."""
    return _changed(words, _absolute, _absolute_model)


def without_folders(words: Sequence[str], *, has_file: bool) -> list[str]:
    """The same with the names of files alone. `has_file`: the first word is FILE."""
    changed = _changed(words, file_name, base_name)
    return [file_name(changed[0]), *changed[1:]] if has_file and changed else changed


def file_name(path: str) -> str:
    """The last part of a path of this system or another."""
    return path.replace("\\", "/").rpartition("/")[2]


def base_name(reference: str) -> str:
    """The last part of a path; other references, such as `owner/repo:Q4`, as they are."""
    return file_name(reference) if re.match(r"[/~.\\]|[A-Za-z]:[\\/]", reference) else reference


def _absolute(path: str) -> str:
    return os.path.abspath(os.path.expanduser(path))  # noqa: PTH100, PTH111 - also of a user without a home


def _absolute_model(name: str) -> str:
    """A name that looks like a path may be one of the Hub where there is no such file, as `resolve` decides it."""
    path = _absolute(name)
    return path if is_path(name) and is_file(Path(path)) else name


def _changed(words: Sequence[str], of_file: Change, of_model: Change) -> list[str]:
    found: list[str] = []
    for option, word in zip(["", *words], words, strict=False):
        if option in {"--model", "--against"}:
            found.append(of_model(word))
        elif option == "--models":
            found.append(",".join(of_model(one.strip()) for one in word.split(",")))
        elif option == "--lora" or (option == "--chat-template" and word not in BUILTIN):
            found.append(of_file(word))  # also FILE=SCALE
        elif option == "--system" and word.startswith("@"):
            found.append(f"@{of_file(word[1:])}")
        else:
            found.append(word)
    return found
