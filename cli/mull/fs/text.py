"""Text that is handed to the model from a file: read whole, or refused by name.

In: a path as the user typed it. Out: the text, and whether bytes that are no UTF-8 became U+FFFD. A binary file is
refused, a folder too; a pipe (`<(git diff)`, a FIFO) is read to its end where that is wanted. It never reads more
than `most` bytes, whatever the file says of its size.
"""

from __future__ import annotations

import codecs
import os
import stat
from pathlib import Path

from mull.errors import MullError

MOST = 64 << 20
"""Bytes: more than any context holds (ten million tokens of six letters)."""

_BINARY_SHARE = 0.3  # of a text's characters that may be undecodable: one in another encoding stays below


def read_text(path: Path, *, most: int = MOST, pipes: bool = False) -> tuple[str, bool]:
    """The file's text, without a byte order mark. Raises MullError: file_unreadable, binary_input, file_too_long."""
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise MullError("file_unreadable", f"{path} is a folder.", "Give the path of a text file.")
        if not (stat.S_ISREG(mode) or (pipes and _is_stream(mode))):
            raise MullError("file_unreadable", f"{path} is no regular file.", "Give the path of a text file.")
        with path.open("rb") as file:
            data = file.read(most + 1)
            size = max(os.fstat(file.fileno()).st_size, len(data))
    except FileNotFoundError as error:
        raise MullError("file_unreadable", f"{path} is not there.", "Check the path.") from error
    except (OSError, ValueError) as error:  # the second: a NUL in the path
        reason = getattr(error, "strerror", None) or error
        raise MullError(
            "file_unreadable", f"{path} cannot be read: {reason}.", "Check its rights."
        ) from error
    if len(data) > most:
        raise too_long(path.name, size)
    text, replaced = decode(data)
    if "\0" in text or (replaced and is_garbled(text)):
        raise MullError("binary_input", f"{path.name} is no text.", "Only text files can be added.")
    return text, replaced


def too_long(name: str, size: int, *, least: bool = False) -> MullError:
    """The refusal of a text that no context could hold. `least`: the size is what was read of it."""
    about = "at least " if least else ""
    return MullError(
        "file_too_long",
        f"{name} is {about}{size:,} bytes, far more than the context holds.",
        "Give a part of it.",
    )


def decode(data: bytes) -> tuple[str, bool]:
    """Bytes as text, without a byte order mark, and whether some were no UTF-8 and became U+FFFD."""
    data = data.removeprefix(codecs.BOM_UTF8)
    text = data.decode("utf-8", errors="replace")
    return text, text.count("\ufffd") > data.count("\ufffd".encode())


def is_garbled(text: str) -> bool:
    """Whether so much of it was undecodable that it was no text, not even in another encoding."""
    return text.count("\ufffd") > _BINARY_SHARE * len(text)


def _is_stream(mode: int) -> bool:
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode) or stat.S_ISSOCK(mode)
