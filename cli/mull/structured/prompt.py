"""Tell the model in words how its answer is constrained, where that helps it.

In: messages and a turn's settings. Out: the messages to send, with the schema or the choices in the system prompt.
Nothing is said of an expression or a grammar, which models hardly read.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

from mull.messages import Message
from mull.settings import AnswerFormat, TurnSettings

LARGE = 1_000_000_000
"""Parameters from which a model gets the schema. SmolLM2-135M has 12 of 100 extractions right with it in its prompt and
48 without (tests/bench/extraction.py). No larger one was measured."""

_LONGEST = (
    8_000  # characters of a schema or of choices: some 2,000 tokens; longer ones would crowd out the question
)


def told(messages: Sequence[Message], settings: TurnSettings, *, n_params: int | None) -> Sequence[Message]:
    """The messages with the instruction at the end of the system prompt, which is made where there is none.

    `n_params`: the number of the model's parameters, on which it depends where the user has not decided; None: unknown.
    """
    tell = settings.schema_prompt
    if tell is None:
        tell = n_params is None or n_params >= LARGE
    text = _instruction(settings.answer_format) if tell and settings.answer_format is not None else ""
    if not text:
        return messages
    if messages and messages[0].role == "system":
        first = replace(messages[0], content=f"{messages[0].content}\n\n{text}")
        return [first, *messages[1:]]
    return [Message("system", text), *messages]


def _instruction(answer_format: AnswerFormat) -> str:
    if answer_format.kind == "json":
        return "Answer with JSON and nothing else."
    if answer_format.kind == "schema":
        schema = json.dumps(answer_format.source, ensure_ascii=False, separators=(",", ":"))
        return (
            f"Answer with JSON that fits this JSON Schema and nothing else: {schema}"
            if _short(schema)
            else ""
        )
    if answer_format.kind == "choice":
        choices = json.dumps(answer_format.source, ensure_ascii=False)[1:-1]
        return f"Answer with one of these texts and nothing else: {choices}" if _short(choices) else ""
    return ""


def _short(text: str) -> bool:
    return len(text) <= _LONGEST
