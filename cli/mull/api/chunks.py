"""A turn's events as chunks of a stream, or as one response: llama-server's dialect, with the extension if it is asked.

The first chunk with a choice has the role and `content: null`; the last one has the finish reason and `timings`; with
`include_usage` one more follows, without choices. A failed turn ends with `{"error": …}` instead.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from mull.api.errors import error_object
from mull.api.events import mull_object
from mull.api.logprobs import logprobs_object
from mull.api.request import ChatRequest
from mull.errors import MullError
from mull.events import AnswerDelta, Done, Event, Finish, PromptProgress, ThinkingDelta, Timing, Usage

encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_REASONS: dict[Finish, str] = {"length": "length", "loop": "length"}  # the others by the limit
_MEASURABLE = 1e-6  # seconds, or tokens per second
_OPEN, _CLOSE = "<think>\n", "\n</think>\n\n"


@dataclass(slots=True)
class Completion:
    """One completion in the making. `created`: seconds since 1970. Call `chunks` with every event in turn."""

    id: str
    created: int
    model: str
    request: ChatRequest
    _started: bool = field(default=False, init=False)  # the role has been sent
    _thinks: bool = field(default=False, init=False)  # a <think> tag is open
    _frame: str = field(default="", init=False)  # what the JSON of all chunks of text begins with

    def chunks(self, event: Event) -> Iterator[dict[str, Any]]:
        """The chunks for one event: none, one, or several at the end."""
        if isinstance(event, Done):
            yield from self._end(event)
        elif isinstance(event, ThinkingDelta | AnswerDelta):
            if not event.tokens and self._omits_beginning:
                return
            yield self._chunk(event, self._choice(self._delta(event)))
        elif isinstance(event, PromptProgress) and self._wants_progress:
            yield self._chunk(event, self._choice({})) | {"prompt_progress": _progress(event)}
        elif self.request.extended:
            yield self._chunk(event)

    def text_chunk(self, event: Event) -> str:
        """The JSON of the one chunk of `chunks` for text in mid-stream, made faster; empty for any other."""
        if not isinstance(event, AnswerDelta | ThinkingDelta) or not self._started or not event.tokens:
            return ""
        if self.request.extended or self.request.reasoning_format == "none":
            return ""
        if not self._frame:
            self._frame = encode(self._chunk(None)).removesuffix("[]}")
        name = "content" if isinstance(event, AnswerDelta) else "reasoning_content"
        delta = f'{{"{name}":{encode(event.text)}}}'
        return f'{self._frame}[{{"index":0,"delta":{delta},"finish_reason":null}}]}}'

    def failure(self, error: MullError) -> dict[str, Any]:
        """The last data of a stream that failed before its turn could end."""
        return error_object(error, extended=self.request.extended)

    def response(self, done: Done) -> dict[str, Any]:
        """The whole turn as one object. The turn has not failed."""
        value: dict[str, Any] = {
            "id": self.id,
            "object": "chat.completion",
            "created": self.created,
            "model": self.model,
            "choices": [
                {
                    "index": 0,
                    "message": self._message(done),
                    "finish_reason": finish_reason(done),
                    "logprobs": logprobs_object(done.logprobs),
                }
            ],
            "usage": usage_object(done.usage),
            "timings": timings_object(done.usage, done.timing),
        }
        return value | {"mull": mull_object(done)} if self.request.extended else value

    @property
    def _omits_beginning(self) -> bool:
        """The response has only what was generated of a continued answer."""
        return self.request.settings.continue_answer and not self.request.echo

    @property
    def _wants_progress(self) -> bool:
        return self.request.return_progress or self.request.extended

    def _message(self, done: Done) -> dict[str, Any]:
        begun = done.begun if self._omits_beginning else (0, 0)
        thinking, answer = done.thinking[begun[0] :], done.answer[begun[1] :]
        message: dict[str, Any] = {"role": "assistant", "content": answer}
        if not thinking:
            return message
        if self.request.reasoning_format == "none":
            return message | {"content": f"{_OPEN}{thinking}{_CLOSE}{answer}"}
        return message | {"reasoning_content": thinking}

    def _delta(self, event: ThinkingDelta | AnswerDelta) -> dict[str, Any]:
        thinks = isinstance(event, ThinkingDelta)
        if self.request.extended or self.request.reasoning_format != "none":
            return {"reasoning_content" if thinks else "content": event.text}
        before = _OPEN if thinks and not self._thinks else _CLOSE if self._thinks and not thinks else ""
        self._thinks = thinks
        return {"content": before + event.text}

    def _choice(self, delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        if not self._started:
            self._started = True
            delta = {"role": "assistant", "content": None} | delta
        return {"index": 0, "delta": delta, "finish_reason": finish}

    def _chunk(self, event: Event | None, *choices: dict[str, Any]) -> dict[str, Any]:
        value: dict[str, Any] = {
            "id": self.id,
            "object": "chat.completion.chunk",
            "created": self.created,
            "model": self.model,
            "choices": list(choices),
        }
        if event is not None and self.request.extended:
            value["mull"] = mull_object(event)
        return value

    def _last(self, done: Done) -> dict[str, Any]:
        last = self._choice({}, None if done.finish == "error" else finish_reason(done))
        return last if done.logprobs is None else last | {"logprobs": logprobs_object(done.logprobs)}

    def _end(self, done: Done) -> Iterator[dict[str, Any]]:
        if done.error is not None and done.finish == "error":
            failed = self.failure(done.error)
            yield failed | self._chunk(done, self._last(done)) if self.request.extended else failed
            return
        if self._thinks:
            yield self._chunk(None, self._choice({"content": _CLOSE}))
        yield self._chunk(done, self._last(done)) | {"timings": timings_object(done.usage, done.timing)}
        if self.request.include_usage:
            yield self._chunk(None) | {"usage": usage_object(done.usage)}


def finish_reason(done: Done) -> str:
    """`stop` or `length`: the dialect has no word for a loop, or for thinking without an answer."""
    return _REASONS.get(done.finish, "stop" if done.limit is None else "length")


def usage_object(usage: Usage) -> dict[str, Any]:
    """OpenAI's `usage`: completion tokens count the thinking too."""
    generated = usage.thinking + usage.answer
    return {
        "prompt_tokens": usage.prompt,
        "completion_tokens": generated,
        "total_tokens": usage.prompt + generated,
        "prompt_tokens_details": {"cached_tokens": usage.cached},
        "completion_tokens_details": {"reasoning_tokens": usage.thinking},
    }


def timings_object(usage: Usage, timing: Timing) -> dict[str, Any]:
    """llama-server's `timings`: milliseconds, tokens, and tokens per second."""
    computed, generated = usage.prompt - usage.cached, usage.thinking + usage.answer
    speed = timing.tokens_per_second
    return {
        "cache_n": usage.cached,
        "prompt_n": computed,
        "prompt_ms": round(timing.prompt * 1000, 3),
        "prompt_per_second": _ratio(computed, timing.prompt),
        "predicted_n": generated,
        "predicted_ms": _ratio(generated * 1000, speed),
        "predicted_per_second": round(speed, 3),
        "draft_n": usage.drafted,
        "draft_n_accepted": usage.accepted,
    }


def _ratio(count: int, of: float) -> float:
    """0 where nothing was measured: JSON has no infinity."""
    return round(count / of, 3) if of > _MEASURABLE else 0.0


def _progress(event: PromptProgress) -> dict[str, int]:
    return {"total": event.total, "cache": event.cached, "processed": event.done}
