"""Errors as the API has them: OpenAI's object with llama-server's types, and back to a `MullError`.

`{"error": {"code": 400, "message": …, "type": …, "hint": …}}`; a wrong field of the request has `param`, a full context
`n_prompt_tokens` and `n_ctx`. With the extension the object also has `mull`, from which the same error is made again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mull.errors import (
    ContextOverflow,
    EngineError,
    ExitCode,
    Interrupted,
    ModelFileError,
    MullError,
    TemplateError,
    UsageError,
)

INVALID, NOT_FOUND, UNAVAILABLE = "invalid_request_error", "not_found_error", "unavailable_error"
OVERFLOW, AUTHENTICATION, SERVER = "exceed_context_size_error", "authentication_error", "server_error"

_KINDS: Mapping[str, tuple[int, str]] = {
    "unknown_model": (404, NOT_FOUND),
    "not_served": (404, NOT_FOUND),
    "unknown_path": (404, NOT_FOUND),
    "unknown_completion": (404, NOT_FOUND),
    "wrong_method": (405, INVALID),
    "invalid_key": (401, AUTHENTICATION),
    "wrong_host": (403, "permission_error"),
    "request_too_large": (413, INVALID),
    "request_timeout": (408, INVALID),
    "no_tokenizer": (501, "not_supported_error"),
    "server_busy": (503, UNAVAILABLE),
    "server_stopping": (503, UNAVAILABLE),
    # The model is loaded again once its workers answer.
    **dict.fromkeys(("worker_lost", "worker_stalled", "model_process_ended"), (503, UNAVAILABLE)),
    **dict.fromkeys(("worker_unreachable", "worker_busy"), (503, UNAVAILABLE)),
}
"""The status and the type of errors that only a server has, and of those that it answers otherwise than the rest."""

_CLASSES: Mapping[str, type[MullError]] = {
    kind.__name__: kind for kind in (ModelFileError, TemplateError, EngineError)
}


class InvalidRequest(UsageError):
    """A request that the API does not take. `param`: the field that is wrong, None for the request as a whole."""

    def __init__(self, message: str, hint: str = "", *, param: str | None = None) -> None:
        super().__init__("invalid_request", message, hint)
        self.param = param


def status_of(error: MullError) -> int:
    """The HTTP status of an error that is found before a stream begins."""
    return _kind(error)[0]


def error_object(error: MullError, *, extended: bool = False) -> dict[str, Any]:
    """The body of a failed request, and the data of a stream that fails. `extended`: with the `mull` extension."""
    status, kind = _kind(error)
    value: dict[str, Any] = {"code": status, "message": error.message, "type": kind}
    if error.hint:
        value["hint"] = error.hint
    if isinstance(error, ContextOverflow):
        value |= {"n_prompt_tokens": error.prompt_tokens, "n_ctx": error.context_tokens}
    if isinstance(error, InvalidRequest):
        value["param"] = error.param
    if extended:
        value["mull"] = exact_error(error)
    return {"error": value}


def exact_error(error: MullError) -> dict[str, Any]:
    """Everything that makes an error, for `read_exact_error`."""
    value = {
        "code": error.code,
        "message": error.message,
        "hint": error.hint,
        "exit_code": int(error.exit_code),
    }
    if isinstance(error, ContextOverflow):
        at_least = "at least" in error.message
        return value | {"tokens": [error.prompt_tokens, error.context_tokens], "at_least": at_least}
    return value | {"class": type(error).__name__}


def read_exact_error(value: Mapping[str, Any]) -> MullError:
    """The error that `exact_error` was made of. Raises KeyError, TypeError, ValueError for anything else."""
    code, message, hint = (str(value[name]) for name in ("code", "message", "hint"))
    if "tokens" in value:
        prompt, context = value["tokens"]
        return ContextOverflow(int(prompt), int(context), hint, at_least=bool(value["at_least"]))
    if code == "interrupted":
        return Interrupted()
    exit_code = ExitCode(value["exit_code"])
    if exit_code == ExitCode.USAGE:
        return UsageError(code, message, hint)
    return _CLASSES.get(str(value.get("class")), MullError)(code, message, hint, exit_code=exit_code)


def _kind(error: MullError) -> tuple[int, str]:
    if isinstance(error, ContextOverflow):
        return 400, OVERFLOW
    if error.code in _KINDS:
        return _KINDS[error.code]
    asked_wrong = error.exit_code in {ExitCode.USAGE, ExitCode.SCHEMA} or isinstance(error, TemplateError)
    return (400, INVALID) if asked_wrong else (500, SERVER)
