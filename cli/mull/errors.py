"""The one error base and the exit codes.

In: facts about a failure. Out: an exception that carries a stable `code`, one sentence, one hint and an exit code.
`app.py` is the only place that catches `MullError` and turns it into text or JSON.
It never formats for a screen, never exits.
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What the shell sees (a contract: scripts test these)."""

    OK = 0
    FAILURE = 1
    USAGE = 2
    CUT = 3  # the context or the default limit ended the answer
    NO_ANSWER = 4  # the model thought and never answered
    SCHEMA = 5  # the answer does not fit the schema asked for
    INTERRUPTED = 130


class MullError(Exception):
    """A failure the user can act on.

    `code` is stable and machine-readable (snake_case), `message` one sentence, `hint` one line saying what to do.
    """

    def __init__(
        self, code: str, message: str, hint: str = "", *, exit_code: ExitCode = ExitCode.FAILURE
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.exit_code: int = exit_code


class UsageError(MullError):
    """The command line asks for something that cannot be meant (exit 2)."""

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        super().__init__(code, message, hint, exit_code=ExitCode.USAGE)


class ModelFileError(MullError):
    """A model file that cannot be used: missing, empty, truncated, damaged or no GGUF at all."""


class TemplateError(MullError):
    """A chat template that cannot be rendered: it raises, does not end, or reaches outside its sandbox."""


class ContextOverflow(MullError):
    """The prompt does not fit the context. Carries the token counts so that every view can say them."""

    def __init__(
        self, prompt_tokens: int, context_tokens: int, hint: str = "", *, at_least: bool = False
    ) -> None:
        least = "at least " if at_least else ""
        self.prompt_tokens = prompt_tokens
        self.context_tokens = context_tokens
        super().__init__(
            "context_overflow",
            f"The prompt is {least}{prompt_tokens:,} tokens, and the context holds {context_tokens:,}.",
            hint or "Shorten the input, start a new conversation, or give more with --ctx.",
        )


class Interrupted(MullError):
    """The user stopped a run before it had a result."""

    def __init__(self) -> None:
        super().__init__("interrupted", "Interrupted.", exit_code=ExitCode.INTERRUPTED)


class EngineError(MullError):
    """llama.cpp refused or failed; the message carries the one line of its log that says why."""
