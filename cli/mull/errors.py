"""The base class of every expected failure, and the exit codes.

An error carries a stable `code`, a message of one sentence, a hint of one line, and an exit code. `app.py` catches
`MullError` at the top and prints it as text or JSON. Each code is documented in docs/errors.md; a new one needs a row
in `cli/docgen/error_codes.toml`.
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of the process. Scripts depend on them."""

    OK = 0
    FAILURE = 1
    USAGE = 2
    CUT = 3  # the context or the default token limit cut the answer
    NO_ANSWER = 4  # the model thought and never answered
    SCHEMA = 5  # the answer does not fit the schema, or the schema cannot be enforced
    INTERRUPTED = 130


class MullError(Exception):
    """A failure that the user can act on.

    `code` is stable, for scripts (snake_case, one for each fault); `message` is one sentence, `hint` one line that
    says what to do. Neither text is stable. `model`: the model that was asked; empty where none was found yet.
    """

    model = ""

    def __init__(
        self, code: str, message: str, hint: str = "", *, exit_code: ExitCode = ExitCode.FAILURE
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.exit_code: int = exit_code

    def __reduce__(self) -> tuple[object, ...]:
        """Processes send each other errors, of classes whose `__init__` takes other arguments."""
        return _restored, (type(self), self.args, self.__dict__)


def _restored(kind: type[MullError], arguments: tuple[object, ...], facts: dict[str, object]) -> MullError:
    error = kind.__new__(kind, *arguments)
    error.__dict__.update(facts)
    return error


class UsageError(MullError):
    """A mistake in what the user asked for: options, arguments, or the files that they name (exit code 2)."""

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        super().__init__(code, message, hint, exit_code=ExitCode.USAGE)


class ModelFileError(MullError):
    """A model file that cannot be used: missing, empty, truncated, damaged, or not a GGUF."""


class TemplateError(MullError):
    """A chat template that cannot be rendered: it raises, exceeds its limits, or leaves the sandbox."""


SHORTEN = "Shorten the input, or start a new conversation."
"""The hint of a `ContextOverflow` where the context is as long as the model was trained for."""

RAISE_CTX = "Shorten the input, start a new conversation, or raise --ctx."
"""The hint of a `ContextOverflow` where --ctx sets the size of the context."""


class ContextOverflow(MullError):
    """The prompt does not fit the context window. Both sizes are in tokens.

    `at_least`: counting stopped early, `prompt_tokens` is a lower bound.
    """

    def __init__(
        self, prompt_tokens: int, context_tokens: int, hint: str = "", *, at_least: bool = False
    ) -> None:
        least = "at least " if at_least else ""
        self.prompt_tokens = prompt_tokens
        self.context_tokens = context_tokens
        self.at_least = at_least
        super().__init__(
            "context_overflow",
            f"The prompt has {least}{prompt_tokens:,} tokens, the context {context_tokens:,}.",
            hint or "Shorten the input, or start a new conversation.",
        )


class Interrupted(MullError):
    """The user stopped a run before it had a result."""

    def __init__(self) -> None:
        super().__init__("interrupted", "Interrupted.", exit_code=ExitCode.INTERRUPTED)


class EngineError(MullError):
    """llama.cpp rejected a request or failed; the message includes the line of its log that gives the reason."""
