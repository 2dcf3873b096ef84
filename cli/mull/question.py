"""What is asked in one-shot use: the words of the command line and what was piped in.

Input first, a blank line, then the prompt. `-` stands for standard input, from a terminal too. Bytes that are no UTF-8
are replaced and reported. No prompt and no input is a usage error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mull.errors import UsageError
from mull.terminal.streams import Streams

STDIN = "-"


@dataclass(frozen=True, slots=True)
class Question:
    """The text to send, and whether bytes of the input had to be replaced."""

    text: str
    replaced: bool = False


def read_question(words: Sequence[str], streams: Streams) -> Question:
    """Join prompt and piped input. Raises UsageError (no_prompt) when there is neither."""
    prompt = " ".join(word for word in words if word != STDIN).strip()
    piped, replaced = "", False
    if STDIN in words or not streams.stdin_tty:
        piped, replaced = streams.read_stdin()
        piped = piped.strip("\r\n")
    if not prompt and not piped.strip():
        raise UsageError(
            "no_prompt", "There is no prompt.", 'Ask something: mull "How many r\'s are in strawberry?"'
        )
    return Question("\n\n".join(part for part in (piped, prompt) if part.strip()), replaced)
