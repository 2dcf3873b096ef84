"""Say in a sentence what the operating system refused: a limit that is used up, a folder that is gone, any other fault.

In: the exception that ended a command. Out: a MullError whose hint names the limit and how to raise it, or None for an
exception that is not the operating system's. Looks through the exceptions that an exception was raised from.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence

from mull.errors import MullError, UsageError
from mull.fs.json_text import valid_unicode
from mull.fs.lock import FileInUse
from mull.fs.text import is_unicode

_DESCRIPTORS = frozenset({errno.EMFILE, errno.ENFILE})
FULL = frozenset(
    number for name in ("ENOSPC", "EDQUOT", "EFBIG") if (number := getattr(errno, name, None)) is not None
)
_LONGEST_SHOWN = 60  # characters of a faulty text
_NOT_FOUND = frozenset({"file_unreadable", "model_missing", "unknown_prompt_template"})
_DESCRIPTORS_TEXTS = ("Too many open files",)
# The loader of shared libraries and the threads report only a text.
_MEMORY_TEXTS = (
    "Cannot allocate memory",
    "cannot allocate memory",
    "failed to map segment",
    "start new thread",
    "returned NULL without setting an exception",  # what an import makes of a MemoryError at times
)


def used_up(failure: BaseException) -> MullError | None:
    """The error for a failure whose cause is a lack of file descriptors or of memory; None for any other."""
    for cause in _causes(failure):
        number = cause.errno if isinstance(cause, OSError) else None
        # A MullError's text may quote a file or a model; its causes are looked at instead.
        text = "" if isinstance(cause, MullError) else str(cause)
        if number in _DESCRIPTORS or any(known in text for known in _DESCRIPTORS_TEXTS):
            return MullError("too_many_files", "Too many files are open.", _descriptors_hint())
        if (
            isinstance(cause, MemoryError)
            or number == errno.ENOMEM
            or (
                isinstance(cause, OSError | ImportError | RuntimeError | SystemError)
                and any(known in text for known in _MEMORY_TEXTS)
            )
        ):
            return MullError("out_of_memory", "Not enough memory.", _memory_hint())
    return None


def used_up_in(text: str) -> MullError | None:
    """The same for a text of a library or a child process that says why it failed."""
    if any(known in text for known in _DESCRIPTORS_TEXTS):
        return MullError("too_many_files", "Too many files are open.", _descriptors_hint())
    if any(known in text for known in _MEMORY_TEXTS):
        return MullError("out_of_memory", "Not enough memory.", _memory_hint())
    return None


def no_folder(failure: MullError, words: Sequence[str]) -> MullError | None:
    """The error for something that was not found because the working folder is gone; None for any other failure.

    `words`: the command line. What it names by an absolute path does not depend on the working folder.
    """
    missing = [cause for cause in _causes(failure) if isinstance(cause, FileNotFoundError)]
    if not (missing or failure.code in _NOT_FOUND) or not working_folder_is_gone():
        return None
    names = [str(cause.filename) for cause in missing if cause.filename]
    names += [word for word in words if word in failure.message]
    return None if any(map(os.path.isabs, names)) else _no_working_folder()


def _no_working_folder() -> MullError:
    return MullError(
        "no_working_folder", "The working folder no longer exists.", "Change to another folder: cd"
    )


def not_unicode(failure: UnicodeEncodeError, words: Sequence[str]) -> MullError:
    """The error for text that UTF-8 cannot hold: bytes of the command line or a variable in another encoding."""
    if "surrogates" not in failure.reason:
        return MullError(
            "internal_error", f"Something went wrong inside mull: {failure!r}.", "MULL_DEBUG=1 shows where."
        )
    guilty = next((word for word in words if not is_unicode(word)), failure.object[:_LONGEST_SHOWN])
    return not_utf8(guilty)


def not_utf8(text: str) -> UsageError:
    """The error for a text of the user that has bytes which are not UTF-8."""
    return UsageError(
        "not_unicode",
        f'"{valid_unicode(text)}" is not UTF-8 text.',
        "Type it again, or convert the script (iconv -t UTF-8).",
    )


def refused(failure: OSError) -> MullError:
    """The error for anything that the operating system refused."""
    if found := used_up(failure):
        return found
    if isinstance(failure, FileInUse):
        return MullError("file_in_use", f"{failure.strerror}.", "Close the editor that has it open, or wait.")
    if isinstance(failure, FileNotFoundError) and working_folder_is_gone():
        return _no_working_folder()
    if (
        failure.errno in {errno.EBADF, *FULL} and failure.filename is None
    ):  # a write to stdout; files have names
        return unwritable(failure)
    reason = failure.strerror or str(failure) or type(failure).__name__
    names = [
        os.fsdecode(name) for name in (failure.filename, failure.filename2) if isinstance(name, str | bytes)
    ]
    about = f"{' → '.join(names)}: " if names else ""
    return MullError(
        "system_error", f"{about}{reason}.", "Check the path, the permissions and the free disk space."
    )


def unwritable(failure: OSError) -> MullError:
    """The error for an output to stdout that failed."""
    if failure.errno == errno.EBADF:  # `>&-`; see `Streams.detect`
        return MullError("write_failed", "stdout is closed.", "Send the output to a file, or to /dev/null.")
    return MullError(
        "write_failed",
        f"The output could not be written: {failure.strerror or failure}.",
        "Free some space, or send the output elsewhere.",
    )


def working_folder_is_gone() -> bool:
    """Whether the folder that the process works in was deleted, or a folder above it."""
    try:
        os.getcwd()  # noqa: PTH109 - only whether it fails
    except OSError:
        return True
    return False


def _causes(failure: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while failure is not None and id(failure) not in seen:
        seen.add(id(failure))
        yield failure
        failure = failure.__cause__ or failure.__context__


def _descriptors_hint() -> str:
    limit = _limit("RLIMIT_NOFILE")
    known = f"The limit is {limit}. " if limit is not None else ""
    return f"{known}Raise it (ulimit -n 1024), or close other programs."


def _memory_hint() -> str:
    limit = next(
        (found for name in ("RLIMIT_AS", "RLIMIT_DATA") if (found := _limit(name)) is not None), None
    )
    if limit is None:
        return "Close other programs, or try a smaller model."
    return f"This process may use {limit // 1_000_000:,} MB; ulimit -v raises that. Or try a smaller model."


def _limit(name: str) -> int | None:
    """This process's limit; None where there is none."""
    try:
        import resource
    except ImportError:  # Windows, or nothing is left to import it with
        return None
    limit = resource.getrlimit(getattr(resource, name))[0]
    return None if limit == resource.RLIM_INFINITY else limit
