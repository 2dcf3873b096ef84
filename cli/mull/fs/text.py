"""Read files as a whole and within limits: bytes, UTF-8 text, or the text that a user attaches to a question.

In: a path and the most bytes to read. Out: the content. `read_bytes` and `read_utf8` raise OSError and
UnicodeDecodeError for the caller to word (`reason`); `read_text` replaces invalid UTF-8 by U+FFFD and raises MullError.
Pipes (`<(git diff)`, a FIFO) are read to their end where `pipes` allows it; other devices and folders never.
"""

from __future__ import annotations

import codecs
import errno
import os
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from mull.errors import MullError
from mull.fs.stream import SLOW, read_stream

MOST = 64 << 20
"""In bytes; more than any context holds (ten million tokens of six letters)."""

_BINARY_SHARE = (
    0.3  # share of undecodable characters above which it is not text; text in another encoding stays below
)


def read_text(
    path: Path, *, most: int = MOST, pipes: bool = False, slow: Callable[[], None] | None = None
) -> tuple[str, bool]:
    """The file's text, without a byte order mark. Raises MullError: file_unreadable, binary_input, file_too_long.

    `slow`: see `read_bytes`.
    """
    try:
        data = read_bytes(path, most=most, pipes=pipes, slow=slow)
    except TooLongError as error:
        raise too_long(path.name, error.size, least=error.least) from error
    except FileNotFoundError as error:
        raise MullError("file_unreadable", f"No such file: {path}", "Check the path.") from error
    except NoFileError as error:
        raise MullError(
            "file_unreadable", f"{path} is {error.what}.", "Give the path of a text file."
        ) from error
    except OSError as error:
        raise MullError(
            "file_unreadable", f"{path} cannot be read: {reason(error)}.", "Check its permissions."
        ) from error
    text, replaced = decode(data)
    if "\0" in text or (replaced and is_garbled(text)):
        raise MullError(
            "binary_input", f"{path.name} is not a text file.", "Only text files can be attached."
        )
    return text, replaced


class NoFileError(OSError):
    """What is at the path is not to be read: a folder, a device, and a pipe where none makes sense."""

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(errno.EINVAL, f"it is {what}", str(path))
        self.what = what


class TooLongError(OSError):
    """The file is longer than what may be read of it. `size` in bytes; with `least` it is what was read so far."""

    def __init__(self, path: Path, most: int, size: int, *, least: bool) -> None:
        super().__init__(errno.EFBIG, f"it is longer than {most:,} bytes", str(path))
        self.size, self.least = size, least


def read_bytes(
    path: Path, *, most: int, pipes: bool = False, slow: Callable[[], None] | None = None
) -> bytes:
    """The whole file, at most `most` bytes whatever size it claims. `pipes`: `<(command)` and other streams, too.

    Raises OSError, whose `strerror` says what is wrong. Opening a file never blocks; a pipe is waited for until its
    writer comes, or Ctrl+C. `slow` is called once, in a thread, if a pipe's end has not come after `SLOW` seconds.
    """
    try:
        mode = path.stat().st_mode
    except ValueError as error:  # a NUL in the path
        raise OSError(errno.EINVAL, str(error), str(path)) from error
    if stat.S_ISDIR(mode):
        raise NoFileError(path, "a folder")
    stream = pipes and _is_stream(mode)
    if not stat.S_ISREG(mode) and not stream:
        raise NoFileError(path, "not a regular file")
    flags = (
        os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOCTTY", 0)
    )
    # The file may be another one by now: a pipe that nobody writes to must not block where none is expected.
    with ExitStack() as stack:
        if stream and slow is not None:
            stack.enter_context(_called_after(SLOW, slow))
        descriptor = os.open(path, flags if stream else flags | getattr(os, "O_NONBLOCK", 0))
        file = stack.enter_context(open(descriptor, "rb"))
        found = os.fstat(file.fileno())
        if not (stat.S_ISREG(found.st_mode) or (stream and _is_stream(found.st_mode))):
            raise NoFileError(path, "not a regular file")
        data = read_stream(descriptor, most + 1) if stream else file.read(most + 1)
    if len(data) > most:
        raise TooLongError(path, most, max(found.st_size, len(data)), least=len(data) > found.st_size)
    return data


def read_utf8(path: Path, *, most: int, pipes: bool = False) -> str:
    """The file as UTF-8 without a byte order mark. Raises what `read_bytes` raises, and UnicodeDecodeError."""
    return read_bytes(path, most=most, pipes=pipes).decode("utf-8-sig")


def reason(error: BaseException) -> str:
    """What is wrong with a file, in a few words without its name, for a failure to read, decode or parse it."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8 text"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return str(error) or type(error).__name__


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


def is_unicode(text: str) -> bool:
    """Whether UTF-8 can hold it: bytes of an argument that are not UTF-8 are lone surrogates in Python."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def is_garbled(text: str) -> bool:
    """Whether too much was undecodable for a text, even for one in another encoding."""
    return text.count("\ufffd") > _BINARY_SHARE * len(text)


@contextmanager
def _called_after(seconds: float, call: Callable[[], None]) -> Iterator[None]:
    """Call it in a thread, unless the block ends before: opening a pipe waits for its writer."""
    timer = threading.Timer(seconds, call)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()


def _is_stream(mode: int) -> bool:
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode) or stat.S_ISSOCK(mode)
