"""Events as the `mull` object of a chunk, and back: what the standard fields of a chunk have no place for.

Texts are not repeated: those of deltas are in the chunk's `delta`, those of `Done` are the deltas joined, and its log
probabilities are in the chunk's `choices`. `EventReader` puts them together again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from mull.api.errors import exact_error, read_exact_error
from mull.api.logprobs import read_logprobs
from mull.events import (
    AnswerDelta,
    Done,
    Event,
    Loading,
    Notice,
    Placement,
    PromptProgress,
    ReasoningReport,
    ThinkingDelta,
    Timing,
    Usage,
    Waiting,
)

_NAMES: Mapping[type, str] = {
    Loading: "loading",
    Waiting: "waiting",
    PromptProgress: "prompt",
    ThinkingDelta: "thinking",
    AnswerDelta: "answer",
    Notice: "notice",
    Done: "done",
}
_PLAIN: Mapping[str, type[Loading | Waiting | PromptProgress | Notice]] = {
    "loading": Loading,
    "waiting": Waiting,
    "prompt": PromptProgress,
    "notice": Notice,
}


def mull_object(event: Event) -> dict[str, Any]:
    """The `mull` object of the chunk for this event."""
    value: dict[str, Any] = {"event": _NAMES[type(event)]}
    if isinstance(event, Done):
        return value | _done(event)
    fields = {name: getattr(event, name) for name in event.__slots__}
    if isinstance(event, ThinkingDelta | AnswerDelta):
        del fields["text"]
    return value | fields


def _done(done: Done) -> dict[str, Any]:
    return {
        "model": done.model,
        "reasoning": asdict(done.reasoning),
        "finish": done.finish,
        "limit": done.limit,
        "usage": asdict(done.usage),
        "timing": asdict(done.timing),
        "threads": done.threads,
        "error": None if done.error is None else exact_error(done.error),
        "tokens": done.tokens,
        "begun": done.begun,
        "placement": None if done.placement is None else asdict(done.placement),
        "lora": done.lora,
    }


class EventReader:
    """Reads the chunks of one stream with the extension. `thinking` and `answer` are the texts so far."""

    def __init__(self) -> None:
        self._thinking: list[str] = []
        self._answer: list[str] = []

    @property
    def thinking(self) -> str:
        return "".join(self._thinking)

    @property
    def answer(self) -> str:
        return "".join(self._answer)

    def feed(self, chunk: Mapping[str, Any]) -> Event | None:
        """The event of a chunk; None for one without. Raises KeyError, TypeError, ValueError for a malformed one."""
        own = chunk.get("mull")
        if own is None:
            return None
        fields = dict(own)
        name = fields.pop("event")
        if name in _PLAIN:
            return _PLAIN[name](**fields)
        if name == "thinking":
            self._thinking.append(_delta(chunk)["reasoning_content"])
            return ThinkingDelta(self._thinking[-1], **fields)
        if name == "answer":
            self._answer.append(_delta(chunk)["content"])
            return AnswerDelta(self._answer[-1], **fields)
        if name == "done":
            return self._done(chunk, fields)
        raise ValueError(f"no event is called {name!r}")

    def _done(self, chunk: Mapping[str, Any], fields: Mapping[str, Any]) -> Done:
        error = fields["error"]
        choices = chunk.get("choices") or [{}]
        return Done(
            model=fields["model"],
            answer=self.answer,
            thinking=self.thinking,
            reasoning=ReasoningReport(**fields["reasoning"]),
            finish=fields["finish"],
            usage=Usage(**fields["usage"]),
            timing=Timing(**fields["timing"]),
            threads=tuple(fields["threads"]) if fields.get("threads") else None,
            limit=fields["limit"],
            error=None if error is None else read_exact_error(error),
            logprobs=read_logprobs(choices[0].get("logprobs")),
            tokens=tuple(fields.get("tokens", ())),
            lora=tuple(fields.get("lora", ())),
            begun=(fields["begun"][0], fields["begun"][1]) if "begun" in fields else (0, 0),
            placement=_placement(fields.get("placement")),
        )


def _placement(value: Mapping[str, Any] | None) -> Placement | None:
    return None if value is None else Placement(**{**value, "devices": tuple(value["devices"])})


def _delta(chunk: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = chunk["choices"][0]["delta"]
    return found
