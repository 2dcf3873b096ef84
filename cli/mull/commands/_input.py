"""What is asked in one-shot use: the words of the command line, what was piped in, and files.

Input first, a blank line, then the prompt; files go before both, each under its name. `-` stands for standard input,
from a terminal too; as a file's name it makes standard input a file of its own. Bytes that are no UTF-8 are replaced
and reported. No prompt, no input and no file is a usage error.
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
    """The text to send, the files to send before it, and whether bytes of any of them had to be replaced.

    `material`: the length of the input at the text's beginning, in characters, when a prompt follows it.
    """

    text: str
    files: tuple[Attachment, ...] = ()
    replaced: bool = False
    material: int = 0


def read_question(
    words: Sequence[str], streams: Streams, files: Sequence[str] = (), *, needed: bool = True
) -> UserInput:
    """Join prompt and piped input, and read the files. `needed` False: there may be nothing of all this.

    Raises UsageError (missing_prompt) where there is nothing to ask, MullError for a file that is no text.
    """
    prompt = " ".join(word for word in words if word != STDIN).strip()
    piped, replaced = "", False
    if STDIN in words or STDIN in files or not streams.stdin_tty:
        piped, replaced = streams.read_stdin()
    attached = []
    for name in files:
        text, garbled = (piped, False) if name == STDIN else read_text(Path(name), pipes=True)
        replaced |= garbled
        attached.append(Attachment("standard input" if name == STDIN else one_line(name), text))
    piped = "" if STDIN in files else piped.strip("\r\n")
    if needed and not prompt and not piped.strip() and not any(file.text.strip() for file in attached):
        raise UsageError(
            "missing_prompt", "There is no prompt.", 'Ask something: mull "How many r\'s are in strawberry?"'
        )
    parts = [part for part in (piped, prompt) if part.strip()]
    material = len(piped) if len(parts) == 2 else 0
    return UserInput("\n\n".join(parts), tuple(attached), replaced, material)
