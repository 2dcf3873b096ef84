"""The files that a user attaches to a question: each named file, and all text files of a folder or a pattern.

In: the values of `-f`, or what `/file` gets. Out: attachments, and sentences on what was skipped. Raises MullError for
a file that is no text, UsageError for an empty name and for a URL: mull fetches nothing.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mull.commands._system import user_file
from mull.dataclass import dataclass
from mull.errors import UsageError
from mull.fs.text import read_text
from mull.fs.text_files import Skipped, is_many, read_text_files
from mull.store.records import Attachment
from mull.terminal.console.quantities import counted, token_count
from mull.terminal.console.sanitize import one_line

if TYPE_CHECKING:
    from mull.backends.base import ChatBackend
    from mull.conversation.conversation import Conversation, Query

_URL = re.compile(r"(?:https?|ftp|file)://", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Attached:
    """Attachments. `skipped`, and `notes` with sentences on it. `many`: one of the names is a folder or a pattern."""

    files: tuple[Attachment, ...] = ()
    notes: tuple[str, ...] = ()
    replaced: bool = False
    many: bool = False
    skipped: tuple[Skipped, ...] = ()


def attach(
    names: Sequence[str], piped: str | None = None, slow: Callable[[str], None] | None = None
) -> Attached:
    """The files of these names, in their order; `-` is the piped text. `slow` gets a pipe's name that is waited for."""
    if list(names).count("-") > 1:
        raise UsageError("usage_error", "Standard input is named twice, and can be read once.", "Give one -.")
    files: list[Attachment] = []
    skipped: list[Skipped] = []
    notes: list[str] = []
    replaced = many = False
    for name in names:
        if not name:
            hint = "A variable of the shell may be unset; . is this folder."
            raise UsageError("usage_error", "The name of a file is empty.", hint)
        check_no_url(name)
        if name == "-" and piped is not None:
            files.append(Attachment("standard input", piped))
        elif is_many(str(user_file(name))):
            found = read_text_files(str(user_file(name)))
            files += (Attachment(one_line(path), text) for path, text in found.files)
            skipped += (Skipped(one_line(str(one.path)), one.why) for one in found.skipped)
            notes += filter(None, [one_line(found.skipped_text(name))])
            replaced, many = replaced or found.replaced, True
        else:
            text, garbled = read_text(Path(name), pipes=True, slow=slow and partial(slow, name))
            files.append(Attachment(one_line(name), text))
            replaced |= garbled
    return Attached(tuple(files), tuple(notes), replaced, many, tuple(skipped))


def size_of_files(conversation: Conversation, query: Query, backend: ChatBackend) -> str:
    """What a question attaches, in files and tokens, as a sentence."""
    whole = conversation.context_usage(backend, query).used
    tokens = whole - conversation.context_usage(backend, replace(query, files=())).used
    return f"Attached {counted(len(query.files), 'file')}: {token_count(tokens)}."


def check_no_url(name: str) -> None:
    """Raises UsageError for a URL."""
    if _URL.match(name) and not Path(name).exists():
        raise UsageError(
            "usage_error",
            f"{one_line(name)} is a URL, and mull fetches none.",
            f"Pipe it in: curl -s {shlex.quote(name)} | mull …",
        )
