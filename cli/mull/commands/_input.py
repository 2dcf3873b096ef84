"""Assemble the question of a one-shot command from its arguments, piped input and files.

Out: files first, each under its name, then the piped input, a blank line and the prompt. The argument `-` reads
standard input, even from a terminal; as a file name it attaches standard input as a file. Invalid UTF-8 is replaced
and reported.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mull.errors import UsageError
from mull.fs.text import read_text
from mull.store.records import Attachment
from mull.terminal.console.sanitize import one_line
from mull.terminal.console.streams import Streams

STDIN = "-"


@dataclass(frozen=True, slots=True)
class UserInput:
    """The text to send and the files to send before it.

    `replaced`: some bytes were not valid UTF-8. `material`: length in characters of the piped input with which `text`
    begins, when a prompt follows it; else 0.
    """

    text: str
    files: tuple[Attachment, ...] = ()
    replaced: bool = False
    material: int = 0


def read_question(
    words: Sequence[str], streams: Streams, files: Sequence[str] = (), *, needed: bool = True
) -> UserInput:
    """Join the prompt and the piped input, and read the files. `needed` False: all of them may be empty.

    Raises UsageError (missing_prompt) when all are empty, MullError for a file that is not text.
    """
    prompt = " ".join(word for word in words if word != STDIN).strip("\r\n")
    piped, replaced = "", False
    if STDIN in words or STDIN in files or not streams.stdin_tty:
        piped, replaced = streams.read_stdin()
    attached = []
    for name in files:
        text, garbled = (piped, False) if name == STDIN else read_text(Path(name), pipes=True)
        replaced |= garbled
        attached.append(Attachment("standard input" if name == STDIN else one_line(name), text))
    piped = "" if STDIN in files else piped.strip("\r\n")
    if (
        needed
        and not prompt.strip()
        and not piped.strip()
        and not any(file.text.strip() for file in attached)
    ):
        raise UsageError(
            "missing_prompt", "There is no prompt.", 'Ask something: mull "How many r\'s are in strawberry?"'
        )
    parts = [part for part in (piped, prompt) if part.strip()]
    material = len(piped) if len(parts) == 2 else 0
    return UserInput("\n\n".join(parts), tuple(attached), replaced, material)
