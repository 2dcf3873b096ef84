"""Read a text file that the user attaches to a question, or raise MullError with its name.

In: a path. Out: the text, and whether invalid UTF-8 was replaced by U+FFFD. A binary file or a folder is an error; a
pipe (`<(git diff)`, a FIFO) is read to its end if `pipes` allows it. At most `most` bytes are read, whatever size the
file claims.
"""

from __future__ import annotations

import codecs
import os
import stat
from pathlib import Path

from mull.errors import MullError

MOST = 64 << 20
"""In bytes; more than any context holds (ten million tokens of six letters)."""

_BINARY_SHARE = (
    0.3  # share of undecodable characters above which it is not text; text in another encoding stays below
)


def read_text(path: Path, *, most: int = MOST, pipes: bool = False) -> tuple[str, bool]:
    """The file's text, without a byte order mark. Raises MullError: file_unreadable, binary_input, file_too_long."""
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise MullError("file_unreadable", f"{path} is a folder.", "Give the path of a text file.")
        if not (stat.S_ISREG(mode) or (pipes and _is_stream(mode))):
            raise MullError(
                "file_unreadable", f"{path} is not a regular file.", "Give the path of a text file."
            )
        with path.open("rb") as file:
            data = file.read(most + 1)
            size = max(os.fstat(file.fileno()).st_size, len(data))
    except FileNotFoundError as error:
        raise MullError("file_unreadable", f"No such file: {path}", "Check the path.") from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = getattr(error, "strerror", None) or error
        raise MullError(
            "file_unreadable", f"{path} cannot be read: {reason}.", "Check its permissions."
        ) from error
    if len(data) > most:
        raise too_long(path.name, size)
    text, replaced = decode(data)
    if "\0" in text or (replaced and is_garbled(text)):
        raise MullError(
            "binary_input", f"{path.name} is not a text file.", "Only text files can be attached."
        )
    return text, replaced


def too_long(name: str, size: int, *, least: bool = False) -> MullError:
    """The error for a text that is longer than any context. `least`: `size` is only what was read of it."""
    about = "at least " if least else ""
    return MullError(
        "file_too_long",
        f"{name} has {about}{size:,} bytes, far more than fits into a context.",
        "Pass a part of it.",
    )


def decode(data: bytes) -> tuple[str, bool]:
    """Decode UTF-8 without a byte order mark; returns the text and whether invalid bytes were replaced by U+FFFD."""
    data = data.removeprefix(codecs.BOM_UTF8)
    text = data.decode("utf-8", errors="replace")
    return text, text.count("\ufffd") > data.count("\ufffd".encode())


def is_garbled(text: str) -> bool:
    """Whether too much was undecodable for a text, even for one in another encoding."""
    return text.count("\ufffd") > _BINARY_SHARE * len(text)


def _is_stream(mode: int) -> bool:
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode) or stat.S_ISSOCK(mode)
