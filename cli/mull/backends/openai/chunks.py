"""One chunk of a streamed completion, whichever server wrote it.

In: the JSON of an event. Out: a `Chunk`. What has another type than it should is left out, except the answer: no chunk
of a server raises anything here but `ValueError`, whose text is a clause, for data that is not a JSON object and for an
answer that is no text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mull.api.logprobs import read_logprobs
from mull.dataclass import dataclass
from mull.events import TokenChance
from mull.fs.json_text import parse_json

_NOTHING: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Chunk:
    """`thinking` and `answer` (or a refusal) are new text; `finish`: why it ended; `error`: what the server reports."""

    whole: Mapping[str, Any]
    id: str = ""
    model: str = ""
    thinking: str = ""
    answer: str = ""
    finish: str = ""
    error: Any = None
    logprobs: tuple[TokenChance, ...] | None = None


def read_chunk(data: bytes) -> Chunk:
    """The chunk that an event's data is; also a whole completion, or a line of Ollama's own API."""
    try:
        whole = parse_json(data.decode("utf-8", "replace"), lenient=True)
    except ValueError as error:
        raise ValueError("a part of it is not JSON") from error
    if not isinstance(whole, dict):
        raise ValueError("a part of it is not a JSON object")  # noqa: TRY004 - as for any other data
    choices = whole.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else _NOTHING
    choice = choice if isinstance(choice, dict) else _NOTHING
    delta = choice.get("delta") or choice.get("message") or whole.get("message")
    if not isinstance(delta, dict):
        delta = _NOTHING
    finish = choice.get("finish_reason") or (
        whole.get("done") is True and (whole.get("done_reason") or "stop")
    )
    return Chunk(
        whole,
        _text(whole.get("id")),
        _text(whole.get("model")),
        _text(delta.get("reasoning_content"))
        or _text(delta.get("reasoning"))
        or _text(delta.get("thinking")),
        _content(delta.get("content")) or _text(delta.get("refusal")),
        _text(finish),
        _error(whole, choice),
        _logprobs(choice.get("logprobs")) if choice.get("logprobs") else None,
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _content(value: Any) -> str:
    """Text, or the texts of a list of parts. Raises ValueError for a number or an object: the answer would lack it."""
    if isinstance(value, list):
        return "".join(_text(part.get("text")) for part in value if isinstance(part, dict))
    if value is not None and not isinstance(value, str):
        raise ValueError("the content of a part is not text")
    return value or ""


def _error(whole: Mapping[str, Any], choice: Mapping[str, Any]) -> Any:
    """What a chunk reports as a failure: a top-level `error`, vLLM's object, or an error of its choice."""
    if whole.get("error"):
        return whole["error"]
    if whole.get("object") == "error" or (whole.get("detail") and "choices" not in whole):
        return whole
    return choice.get("error")


def _logprobs(value: Any) -> tuple[TokenChance, ...] | None:
    try:
        return read_logprobs(value)
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def number(value: Any) -> float | None:
    """A count or a measure that is not negative, else None."""
    good = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e15
    return value if good else None


def inner(value: Any, *path: str) -> Any:
    """The value at a path of keys; None where there is none."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value
