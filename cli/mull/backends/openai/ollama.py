"""Ollama's own API, which can set the context: `/v1` cannot.

In: messages, settings and what was decided about thinking. Out: the body of a request for `PATH`, whose reply is a JSON
object on each line. From Ollama's documentation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mull.backends.openai.reasoning import ReasoningRequest
from mull.messages import Message
from mull.settings import AnswerFormat, TurnSettings

PATH = "/api/chat"
SAMPLING = {
    name: name
    for name in (
        *("temperature", "top_k", "top_p", "min_p", "repeat_penalty", "repeat_last_n"),
        *("presence_penalty", "frequency_penalty", "seed"),
    )
}
"""The fields of `Sampling` that it knows, under the same names."""


def body(
    model: str,
    messages: Sequence[Message],
    settings: TurnSettings,
    reasoning: ReasoningRequest,
    context: int | None,
) -> dict[str, Any]:
    """A streaming request. `context`: the tokens of the context; None: those that the server chooses."""
    options = {
        "num_ctx": context,
        "num_predict": settings.max_tokens,
        "stop": list(settings.stop) if reasoning.spares_thinking else [],
        **{name: getattr(settings.sampling, name) for name in SAMPLING},
    }
    return {
        "model": model,
        "messages": [{"role": one.role, "content": one.content} for one in messages],
        "stream": True,
        "options": {name: value for name, value in options.items() if value not in (None, [])},
        **_format(settings.answer_format),
        **reasoning.fields,
    }


def _format(wanted: AnswerFormat | None) -> Mapping[str, Any]:
    if wanted is None or not wanted.is_json:
        return {}
    return {"format": wanted.schema if wanted.schema is not None else "json"}
