"""What a turn has said so far, for the `Done` of a turn whose server has no more to say.

In: its events. Out: a `Done` with their texts and counts, and the times that they took here.
"""

from __future__ import annotations

import time
from dataclasses import replace

from mull.errors import MullError
from mull.events import (
    AnswerDelta,
    Applied,
    Done,
    Event,
    Finish,
    PromptProgress,
    ReasoningReport,
    ThinkingDelta,
    Timing,
    Usage,
)
from mull.settings import ReasoningAsk

_UNKNOWN = "the server ended before it could say"


class PartialTurn:
    """Collects the events of one turn. `tokens`: of thinking and answer so far."""

    def __init__(self) -> None:
        self.tokens = 0
        self._thinking: list[str] = []
        self._answer: list[str] = []
        self._prompt = self._cached = self._thought = self._answered = 0
        self._began = time.monotonic()
        self._first = self._answering = 0.0

    def add(self, event: Event) -> None:
        now = time.monotonic()
        if isinstance(event, PromptProgress):
            self._prompt, self._cached = event.total, event.cached
        elif isinstance(event, ThinkingDelta):
            self._thinking.append(event.text)
            self._thought = event.tokens
        elif isinstance(event, AnswerDelta):
            self._answer.append(event.text)
            self._answered, self._thought = event.tokens, event.thinking_tokens
            self._answering = self._answering or now
        self.tokens = self._thought + self._answered
        if self.tokens:
            self._first = self._first or now

    def cut(self, done: Done) -> Done:
        """A turn's `Done` for a stop that the server saw later than this process: without what was not shown."""
        if done.finish == "error" and done.error is not None:
            return done
        return replace(
            done,
            answer="".join(self._answer),
            thinking="".join(self._thinking),
            finish="interrupted",
            limit=None,
            error=None,
            usage=replace(done.usage, thinking=self._thought, answer=self._answered),
        )

    def done(self, model: str, ask: ReasoningAsk, finish: Finish, error: MullError | None = None) -> Done:
        """The end of the turn, now. Whether thinking was applied is known from what came only."""
        now = time.monotonic()
        first, answering = self._first or now, self._answering or now
        applied: Applied = "on" if self._thinking else "off" if ask.on is False else "default"
        return Done(
            model=model,
            answer="".join(self._answer),
            thinking="".join(self._thinking),
            reasoning=ReasoningReport(ask.asked, applied, _UNKNOWN),
            finish=finish,
            usage=Usage(
                prompt=self._prompt, cached=self._cached, thinking=self._thought, answer=self._answered
            ),
            timing=Timing(
                prompt=first - self._began,
                first_token=first - self._began,
                thinking=answering - first if self._thinking else 0.0,
                answer=now - answering if self._answer else 0.0,
                tokens_per_second=(self.tokens - 1) / (now - first) if now > first else 0.0,
            ),
            error=error,
        )
