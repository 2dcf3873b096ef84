"""One streamed reply: chunks to the events of a turn, and its `Done`.

In: the chunks of a server, in order. Out: events. Thinking comes in its own field, or in the content, where the
splitter finds it. A chunk counts as a token until the server tells the counts. `end` ends the turn: by the server's
finish reason, by a stop, or as broken off, with everything that came.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Protocol

from mull.backends.openai.chunks import Chunk, inner, number
from mull.errors import MullError
from mull.events import (
    AnswerDelta,
    Done,
    Event,
    Finish,
    Limit,
    Notice,
    PromptProgress,
    ReasoningReport,
    ThinkingDelta,
    Timing,
    TokenChance,
    Usage,
)
from mull.messages import Message
from mull.reasoning.control import ReasoningDecision
from mull.reasoning.parts import AnswerPart, OutputBuffer, Part, ThinkingPart
from mull.reasoning.splitter import Splitter
from mull.settings import TurnSettings
from mull.turn.loop_guard import LoopGuard
from mull.turn.stop_strings import StopFilter

MARKERS = 8
"""Tokens without text that a reply may have: the markers around its thinking, and its end."""
_CUT = {"length", "max_tokens", "max_output_tokens", "model_length"}
_FILTERED = {"content_filter", "safety", "recitation"}


class Split(Protocol):
    """Makes the splitter of the content. `separate`: thinking comes in a field; `content`: how the content begins."""

    def __call__(self, *, separate: bool, content: str = "") -> Splitter: ...


@dataclass(slots=True)
class Reply:
    """The state of one reply. `began`: a `perf_counter` reading; `context`: the server's, None if unknown.

    `begun`: what the answer begins with; the server sends what follows.
    """

    model: str
    settings: TurnSettings
    decision: ReasoningDecision
    split: Split
    question: str
    began: float
    context: int | None = None
    thinks: bool = False  # the model thinks in this turn, as far as is known
    begun: Message | None = None
    id: str = ""
    served: str = ""  # the model that the server names
    reason: str = ""  # the server's finish reason
    error: MullError | None = None
    chunks: int = 0
    thinking: list[str] = field(default_factory=list)
    answer: list[str] = field(default_factory=list)
    thinking_tokens: int = 0
    answer_tokens: int = 0
    first: float = 0.0  # clock readings, seconds
    answering: float = 0.0
    last: float = 0.0
    stopped: bool = False  # a stop string was found
    looped: bool = False
    chances: list[TokenChance] = field(default_factory=list)
    splitter: Splitter = field(init=False)
    stops: StopFilter = field(init=False)
    guard: LoopGuard | None = field(init=False)
    _separate: bool = field(default=False, init=False)  # the server sends thinking in its own field
    _content: bool = field(default=False, init=False)  # the splitter knows how the content begins
    _usage: Chunk | None = field(default=None, init=False)
    _timings: Chunk | None = field(default=None, init=False)
    _buffer: OutputBuffer = field(default_factory=lambda: OutputBuffer(keep_thinking=False), init=False)
    _spelled: dict[str, int] = field(default_factory=dict, init=False)
    _spellings: list[bytes] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        self.splitter = self.split(separate=False)
        self.stops = StopFilter(self.settings.stop)
        constrained = self.settings.answer_format is not None
        spell = self._spellings.__getitem__
        self.guard = (
            LoopGuard(spell, self.question, constrained=constrained) if self.settings.loop_guard else None
        )

    def opening(self) -> Iterator[Event]:
        """What the answer begins with, as the first events."""
        if self.begun is None:
            return
        if self.begun.thinking:
            self._buffer.thinking(self.begun.thinking)
            self._buffer.take()
            yield self._thought(self.begun.thinking)
        if self.begun.content:
            self.answer.append(self.begun.content)
            yield AnswerDelta(self.begun.content, 0)

    @property
    def over(self) -> bool:
        """Nothing more is wanted of the server."""
        return self.stopped or self.looped or self.splitter.ended

    @property
    def is_thinking(self) -> bool:
        """Thinking has come, and no answer yet."""
        return bool(self.thinking) and not self.answer

    def take(self, chunk: Chunk) -> Iterator[Event]:
        """The events for one chunk."""
        self.chunks += 1
        self.id = self.id or chunk.id
        self.served = self.served or chunk.model
        self.reason = chunk.finish or self.reason
        if "usage" in chunk.whole and isinstance(chunk.whole["usage"], dict):
            self._usage = chunk
        if "timings" in chunk.whole or "eval_count" in chunk.whole:
            self._timings = chunk
        if "prompt_progress" in chunk.whole:
            yield from _progress(chunk)
        if chunk.thinking or chunk.answer:
            self.last = time.perf_counter()
            self.first = self.first or self.last
            yield from self._texts(chunk)
        elif chunk.logprobs is not None:
            self.chances += chunk.logprobs

    def _texts(self, chunk: Chunk) -> Iterator[Event]:
        if self.guard is not None:
            self.looped = self.guard.feed(self._token(chunk.thinking or chunk.answer))
        if chunk.thinking:
            if not self._separate:
                self._separate, self._content = True, False
            self.thinking_tokens += 1
            self._buffer.thinking(chunk.thinking)
            yield from self._show(self._buffer.take())
        if not chunk.answer:
            return
        if not self._content:
            self._content = True
            self.splitter = self.split(separate=self._separate, content=chunk.answer)
            if self.begun is not None and self.begun.content:  # it is in the middle of the answer
                self.splitter.feed(0, self.begun.content.encode("utf-8", "replace"), special=False)
        within = self.splitter.thinking
        parts = self.splitter.feed(0, chunk.answer.encode("utf-8", "replace"), special=False)
        if self.splitter.thinking or (within and not self.splitter.answered):
            self.thinking_tokens += not self._separate
        else:
            self.answer_tokens += 1
            self.thinking_tokens += not self._separate and any(
                isinstance(part, ThinkingPart) for part in parts
            )
            self.chances += chunk.logprobs or ()
        yield from self._show(
            part for part in parts if not (self._separate and isinstance(part, ThinkingPart))
        )

    def _show(self, parts: Iterable[Part]) -> Iterator[Event]:
        for part in parts:
            if isinstance(part, ThinkingPart):
                yield self._thought(part.text)
            elif isinstance(part, AnswerPart):
                text = part.text.lstrip() if self._separate and not self.answer else part.text
                if text := self.stops.feed(text):
                    self.answering = self.answering or self.last
                    self.answer.append(text)
                    yield AnswerDelta(text, self.answer_tokens, self.thinking_tokens)
                self.stopped = self.stops.stopped
            else:
                yield Notice("hidden", f"The model wrote a {part.kind}, which is not part of the answer.")

    def _thought(self, text: str) -> ThinkingDelta:
        self.thinking.append(text)
        return ThinkingDelta(text, self.thinking_tokens, wanted=not self.decision.hide)

    def _token(self, text: str) -> int:
        """A number for a text, the same for the same text."""
        if text not in self._spelled:
            self._spelled[text] = len(self._spellings)
            self._spellings.append(text.encode("utf-8", "replace"))
        return self._spelled[text]

    # The end.

    def flush(self) -> Iterator[Event]:
        """The text that the splitter and the stop filter hold back."""
        yield from self._show(self.splitter.finish(complete=bool(self.reason) and self.reason not in _CUT))
        if held := self.stops.finish():
            self.answer.append(held)
            yield AnswerDelta(held, self.answer_tokens, self.thinking_tokens)

    def end(self, *, interrupted: bool) -> Iterator[Event]:
        """The last events, and `Done`."""
        yield from self.flush()
        report = self._report()
        if report.notice and report.notice != self.decision.notice:
            yield Notice("reasoning", report.notice)
        finish, limit = self._finish(interrupted=interrupted)
        error = self.error
        if finish in ("stop", "length", "loop") and (misfit := self._misfit(limit, looped=finish == "loop")):
            finish, error = "schema", misfit
        if self.reason in _FILTERED and error is None:
            yield Notice("filtered", "The endpoint's filter ended the answer.")
        usage = self._counts()
        yield Done(
            model=self.model,
            answer="".join(self.answer),
            thinking="".join(self.thinking),
            reasoning=report,
            finish=finish,
            limit=limit,
            error=error,
            usage=usage,
            timing=self._timing(usage),
            logprobs=None if self.settings.logprobs is None else tuple(self.chances),
            begun=(0, 0) if self.begun is None else (len(self.begun.thinking), len(self.begun.content)),
        )

    def _report(self) -> ReasoningReport:
        """How thinking went: also a budget that was not kept, where a piece of thinking has at least one token."""
        report, budget = self.decision.report(thought=bool(self.thinking)), self.decision.budget
        if report.notice is None and budget is not None and len(self.thinking) > budget:
            unit = "token" if budget == 1 else "tokens"
            return replace(report, notice=f"The thinking exceeded its budget of {budget:,} {unit}.")
        return report

    def _finish(self, *, interrupted: bool) -> tuple[Finish, Limit | None]:
        if self.error is not None:
            return "error", None
        if interrupted:
            return "interrupted", None
        limit: Limit | None = None
        if self.reason in _CUT and not self.over:
            limit = "max_tokens" if self.settings.max_tokens else self._which_limit()
        thought = self.thinking or self.splitter.thinking or (limit and self.thinks)
        if thought and not "".join(self.answer).strip():
            return ("loop" if self.looped else "thinking"), limit
        if self.looped:
            return "loop", limit
        filtered = self.reason in _FILTERED
        return ("length" if limit or filtered else "stop"), limit

    def _which_limit(self) -> Limit:
        usage = self._counts()
        generated = usage.prompt + usage.thinking + usage.answer
        return "context" if self.context is not None and generated >= self.context - 1 else "default"

    def _misfit(self, limit: Limit | None, *, looped: bool) -> MullError | None:
        from mull.structured.validate import mismatch_error, text_mismatch

        wanted = self.settings.answer_format
        if wanted is None or (reason := text_mismatch("".join(self.answer), wanted)) is None:
            return None
        more = (
            "Allow more tokens with --max-tokens."
            if limit != "context"
            else "Shorten the input, or ask for less."
        )
        return mismatch_error(reason, wanted, cut="loop" if looped else limit, more=more)

    def _counts(self) -> Usage:
        """The server's counts, else those of the chunks."""
        told = self._usage.whole["usage"] if self._usage is not None else {}
        timed = self._timings.whole if self._timings is not None else {}
        cached = number(inner(told, "prompt_tokens_details", "cached_tokens")) or number(
            inner(timed, "timings", "cache_n")
        )
        prompt = number(told.get("prompt_tokens"))
        if prompt is None:
            computed = number(inner(timed, "timings", "prompt_n"))
            prompt = number(timed.get("prompt_eval_count")) if computed is None else computed + (cached or 0)
        generated = number(told.get("completion_tokens"))
        if generated is None:
            generated = number(inner(timed, "timings", "predicted_n"))
        if generated is None:
            generated = number(timed.get("eval_count"))
        thinking, answer = self.thinking_tokens, self.answer_tokens
        if generated is not None:
            thought = number(inner(told, "completion_tokens_details", "reasoning_tokens"))
            if thought:
                thinking = int(thought)
            elif not (self.thinking and self.answer):
                thinking = int(generated) if self.thinking else 0
            elif generated - thinking - answer > max(MARKERS, generated / 10):  # a chunk has several tokens
                thinking = round(generated * thinking / (thinking + answer))
            answer = max(0, int(generated) - thinking)
        draft = (number(inner(timed, "timings", name)) or 0 for name in ("draft_n", "draft_n_accepted"))
        return Usage(int(prompt or 0), int(cached or 0), thinking, answer, *map(int, draft))

    def _timing(self, usage: Usage) -> Timing:
        timed = self._timings.whole.get("timings") if self._timings is not None else None
        answering = self.answering or self.last
        spent = self.last - self.first
        tokens = usage.thinking + usage.answer
        speed = number(inner(timed, "predicted_per_second"))
        if speed is None and self._timings is not None:
            speed = _ollamas_speed(self._timings)
        waited = self.first - self.began if self.first else 0.0
        prompt = number(inner(timed, "prompt_ms"))
        return Timing(
            prompt=waited if prompt is None else prompt / 1000,
            first_token=waited,
            thinking=answering - self.first if self.thinking else 0.0,
            answer=self.last - answering if self.answer else 0.0,
            tokens_per_second=speed if speed is not None else (tokens - 1) / spent if spent > 0 else 0.0,
        )


def _ollamas_speed(chunk: Chunk) -> float | None:
    """Tokens per second from the counts of its own API, in nanoseconds."""
    tokens, spent = (number(chunk.whole.get(name)) for name in ("eval_count", "eval_duration"))
    return tokens * 1e9 / spent if tokens and spent else None


def _progress(chunk: Chunk) -> Iterator[PromptProgress]:
    found = chunk.whole["prompt_progress"]
    done, total, cached = (number(inner(found, name)) for name in ("processed", "total", "cache"))
    if done is not None and total is not None and done <= total:
        yield PromptProgress(int(done), int(total), int(cached or 0))
