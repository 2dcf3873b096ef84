"""Assemble the question of a one-shot command from its arguments, piped input and files.

Out: files first, each under its name, then the piped input, a blank line and the prompt. The argument `-` reads
standard input, even from a terminal; as a file name it attaches standard input as a file. Invalid UTF-8 is replaced
and reported.
"""

from __future__ import annotations

import errno
from collections.abc import Sequence

from mull.commands._files import attach
from mull.dataclass import dataclass
from mull.errors import MullError, UsageError
from mull.fs.json_text import valid_unicode
from mull.store.records import Attachment
from mull.terminal.console.streams import Streams

STDIN = "-"


@dataclass(frozen=True, slots=True)
class UserInput:
    """The text to send and the files to send before it.

    `replaced`: some bytes were not valid UTF-8. `material`: length in characters of the piped input with which `text`
    begins, when a prompt follows it; else 0. `unread`: why the standard input that nothing asked for was not read.
    `notes`: which files were skipped. `many`: the files are those of a folder or a pattern.
    """

    text: str
    files: tuple[Attachment, ...] = ()
    replaced: bool = False
    material: int = 0
    unread: str = ""
    notes: tuple[str, ...] = ()
    many: bool = False

    @property
    def empty(self) -> bool:
        """There is neither a text nor a file."""
        return not (self.text.strip() or self.files)


def read_question(
    words: Sequence[str],
    streams: Streams,
    files: Sequence[str] = (),
    *,
    needed: bool = True,
    quiet: bool = False,
) -> UserInput:
    """Join the prompt and the piped input, and read the files. `needed` False: all of them may be empty.

    Raises UsageError (missing_prompt) when all are empty, MullError for a file that is not text and for a standard
    input that is asked for by `-` and cannot be read.
    """
    typed = " ".join(word for word in words if word != STDIN).strip("\r\n")
    prompt = valid_unicode(typed)
    replaced = prompt != typed
    piped, unread = "", ""
    if (named := STDIN in words or STDIN in files) or not streams.stdin_tty:
        try:
            piped, garbled = streams.read_stdin(quiet=quiet)
            replaced |= garbled
        except MullError as error:
            if named or error.code != "stdin_unreadable":
                raise
            cause = error.__cause__
            on_purpose = isinstance(cause, OSError) and cause.errno == errno.EBADF  # by nohup, and `<&-`
            unread = "" if on_purpose else error.message
    attached = attach(files, piped, streams.waiting(quiet=quiet))
    replaced |= attached.replaced
    piped = "" if STDIN in files else piped.strip("\r\n")
    if (
        needed
        and not prompt.strip()
        and not piped.strip()
        and not any(file.text.strip() for file in attached.files)
    ):
        raise UsageError(
            "missing_prompt",
            f"There is no prompt. {unread}".rstrip(),
            'Ask something: mull "How many r\'s are in strawberry?"',
        )
    parts = [part for part in (piped, prompt) if part.strip()]
    material = len(piped) if len(parts) == 2 else 0
    text = "\n\n".join(parts)
    return UserInput(text, attached.files, replaced, material, unread, attached.notes, attached.many)
