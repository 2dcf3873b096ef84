"""Failures that a server reports in its own words: a prompt that is too long, an error within a stream.

In: a refusal, or the error of a chunk. Out: a MullError. Every project words a full context otherwise; the numbers are
read from its fields, else from its sentence.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from mull.api.errors import read_exact_error
from mull.endpoints.errors import ServerError
from mull.endpoints.failures import TRANSIENT, said
from mull.errors import ContextOverflow, MullError

_TOO_LONG = re.compile(
    r"context (?:length|size|window)|context_length|n_ctx|too (?:long|many tokens)|context the overflows"
    r"|exceeds? (?:the )?(?:available )?context|maximum (?:model|input) length",
    re.IGNORECASE,
)
REASONS = frozenset({"error", "abort", "aborted", "cancelled", "canceled", "timeout"})
"""Finish reasons of answers that are not whole: the server gave up."""
TOOLS = frozenset({"tool_calls", "function_call"})
"""Finish reasons of replies that call a tool."""
_NUMBER = re.compile(r"\d[\d,]*")
_SIZE = re.compile(r"(?:context|n_ctx|max_model_len|(?:model|input) length)\D*(\d[\d,]*)", re.IGNORECASE)
"""A context, and the first number after it: the prompt's tokens may come before or after its size."""
_HINT = "Shorten the input, start a new conversation, or give the server a larger context."


def overflow(words: str, fields: Mapping[str, Any], context: int | None) -> ContextOverflow | None:
    """The error for a prompt that does not fit, if that is what the server reports. `context`: None if unknown."""
    kind = f"{fields.get('type')} {fields.get('code')}"
    if (
        "exceed_context_size" not in kind
        and "context_length_exceeded" not in kind
        and not _TOO_LONG.search(words)
    ):
        return None
    numbers = _numbers(_NUMBER, words)
    size = fields.get("n_ctx") or context or _size(words, numbers)
    larger = [number for number in numbers if number > size]
    prompt = fields.get("n_prompt_tokens") or (larger[0] if larger else size + 1)
    if not isinstance(prompt, int) or not isinstance(size, int) or size <= 0:
        return None
    return ContextOverflow(prompt, size, _HINT, at_least=not larger and not fields.get("n_prompt_tokens"))


def _numbers(pattern: re.Pattern[str], words: str) -> list[int]:
    return [int(number.replace(",", "")) for number in pattern.findall(words)]


def _size(words: str, numbers: list[int]) -> int:
    """The context in these words; 0: they do not tell it. The prompt is longer: of two numbers it is the larger one."""
    size = next(iter(_numbers(_SIZE, words)), 0)
    return min(numbers) if len(numbers) == 2 and size in (0, max(numbers)) else size


def before_the_stream(error: ServerError, context: int | None) -> MullError:
    """A refusal that may be about the context."""
    if error.status not in (400, 413, 422, 500):
        return error
    return overflow(str(error.fields.get("message")), error.fields, context) or error


def in_stream(error: Any, name: str, context: int | None, key: str = "") -> MullError:
    """The error that a chunk reports. `key`: what must not be shown."""
    fields = error if isinstance(error, Mapping) else {}
    if isinstance(exact := fields.get("mull"), Mapping):
        try:
            return read_exact_error(exact)
        except (KeyError, TypeError, ValueError):
            pass
    words = said(error if isinstance(error, Mapping) else {"error": error}, key)
    if found := overflow(words, fields, context):
        return found
    code = fields.get("code")
    status = code if isinstance(code, int) and 100 <= code < 600 else None
    because = f": {words}" if words else ""
    return ServerError(
        "endpoint_failed",
        f"{name} failed{because}.",
        "Ask again, and look at the server's log.",
        status=status,
        transient=status in TRANSIENT,
    )


def gave_up(reason: str, name: str) -> ServerError:
    """A finish reason of `REASONS`, without an error that says more."""
    return ServerError(
        "endpoint_failed",
        f'{name} failed: it ended the answer with "{reason}".',
        "Ask again, and look at the server's log.",
        transient=True,
    )


def called_a_tool(name: str) -> ServerError:
    """A reply that is the call of a tool, which mull does not offer, and no text."""
    return ServerError(
        "endpoint_answer",
        f"{name} calls a tool in place of an answer.",
        "mull has no tools: ask in other words, or see what the server adds to prompts.",
    )


def broken_off(name: str) -> ServerError:
    """A stream that ends before the answer does: no finish reason, no end mark."""
    return ServerError(
        "connection_lost",
        f"{name} broke off in mid-answer.",
        "Look at the server's log, and ask again.",
        transient=True,
    )


def empty_stream(name: str, context: int | None) -> ServerError:
    """A stream without an event: llama_cpp.server answers so where the prompt is too long."""
    size = f" of {context:,} tokens" if context else ""
    return ServerError(
        "endpoint_answer",
        f"{name} sends an empty answer.",
        f"Perhaps the prompt exceeds its context{size}: shorten it, and look at the server's log.",
    )
