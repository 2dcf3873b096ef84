"""Whether an answer that begins with a text can match the requested format, before anything is generated.

In: the text and the format. Raises UsageError (beginning_misfit) where no answer that matches begins like this.
"""

from __future__ import annotations

from mull.errors import UsageError
from mull.settings import AnswerFormat
from mull.structured.validate import FORMAT_NAMES, shortened

_SHOWN = 60  # characters of the text


def check_beginning(text: str, answer_format: AnswerFormat | None, hint: str) -> None:
    """`hint`: what the user can change. What only the finished answer shows (`oneOf`) is validated at its end."""
    if not text or answer_format is None:
        return
    from mull.structured.compiling import allows

    if not allows(answer_format.grammar, text):
        raise UsageError(
            "beginning_misfit",
            f'No answer that matches the {FORMAT_NAMES[answer_format.kind]} begins with "{shortened(text, _SHOWN)}".',
            hint,
        )
