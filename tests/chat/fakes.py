"""A backend that answers from a list: everything a conversation needs, without weights."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field

from mull.backends.base import Capabilities, KeyedEvent, TokenCount, TurnSource
from mull.control import TurnControl
from mull.errors import ContextOverflow, EngineError, Interrupted, MullError
from mull.events import (
    AnswerDelta,
    Done,
    Event,
    Finish,
    Loading,
    ReasoningReport,
    ThinkingDelta,
    Timing,
    Usage,
)
from mull.messages import Message
from mull.settings import DEFAULT_SAMPLING, Sampling, TurnSettings, over
from mull.turn.stop_strings import StopFilter

WIDTH = 3  # turns that `stream_many` runs at a time


@dataclass
class FakeBackend:
    """Answers each turn with an element of `script`: "thinking|answer", or an answer alone. A word is a token."""

    script: list[str] = field(default_factory=list)
    context_tokens: int = 1000
    name: str = "fake"
    seen: list[list[Message]] = field(default_factory=list)
    asked: list[TurnSettings] = field(default_factory=list)
    fails: bool = False
    ready: bool = False
    progress: float | None = None
    can_think: bool | None = True
    reference: str = "fake"
    location: str = "nowhere"
    capabilities: Capabilities = field(default_factory=Capabilities)

    def start(self, on_progress: Callable[[], None] | None = None) -> None:
        pass

    def head_start(self, *, constrained: bool = False) -> None:
        pass

    def load(self, control: TurnControl) -> Iterator[Event]:
        if not self.ready:
            if control.stopped:
                raise Interrupted
            yield Loading(self.name, 1.0)
            self.ready = True

    def sampling_advice(self, thinking: bool | None) -> Sampling:
        return over(Sampling(temperature=0.6 if thinking else 0.7), DEFAULT_SAMPLING)

    def count_tokens(self, messages: Sequence[Message], settings: TurnSettings) -> TokenCount:  # noqa: ARG002
        return TokenCount(sum(len(message.content.split()) + 2 for message in messages))

    def stream(
        self, messages: Sequence[Message], settings: TurnSettings, control: TurnControl
    ) -> Iterator[Event]:
        self.seen.append(list(messages))
        self.asked.append(settings)
        if self.fails:
            raise EngineError("broken", "The engine broke.", "Mend it.")
        prompt = self.count_tokens(messages, settings).value
        if prompt > self.context_tokens:
            raise ContextOverflow(prompt, self.context_tokens)
        thoughts, _, words = self.script.pop(0).rpartition("|")
        thinks = bool(thoughts) and settings.reasoning.on is not False
        most, budget = settings.max_tokens, settings.reasoning.budget
        thinking: list[str] = []
        for word in _words(thoughts) if thinks else ():
            if control.stopped or control.wants_answer or len(thinking) in {budget, most}:
                break
            thinking.append(word)
            yield ThinkingDelta(word, len(thinking))
        answer, tokens, cut, stops = "", 0, False, StopFilter(settings.stop)
        for word in _words(words):
            cut = len(thinking) + tokens == most
            if control.stopped or stops.stopped or cut:
                break
            tokens += 1
            if text := stops.feed(word):
                answer += text
                yield AnswerDelta(text, tokens)
        if rest := stops.finish():
            answer += rest
            yield AnswerDelta(rest, tokens)
        finish: Finish = "length" if cut and answer else "thinking" if cut else "stop"
        yield Done(
            model=self.name,
            answer=answer,
            thinking="".join(thinking),
            reasoning=ReasoningReport(settings.reasoning.asked, "on" if thinks else "off", "fake"),
            finish="interrupted" if control.stopped else finish,
            usage=Usage(prompt=prompt, thinking=len(thinking), answer=tokens),
            timing=Timing(answer=0.5),
            limit="max_tokens" if cut else None,
        )

    def stream_many(
        self, turns: TurnSource, control: TurnControl
    ) -> Generator[KeyedEvent | None, None, None]:
        running: dict[int, Iterator[Event]] = {}
        while running or not turns.ended:
            while len(running) < WIDTH and (request := turns.take(wait=not running)):
                own = request.control or control
                running[request.key] = self.stream(request.messages, request.settings, own)
            for key in list(running):
                event: Event | MullError
                try:
                    event = next(running[key])
                except MullError as error:
                    event = error
                if control.stopped:
                    return  # the turns that still run are dropped
                if isinstance(event, Done | MullError):
                    del running[key]
                yield key, event
            if control.stopped:
                return
            yield None

    def persist(self) -> None:
        pass

    def close(self) -> None:
        self.ready = False


def _words(text: str) -> list[str]:
    """The tokens of a text: its words, each with the white space before it."""
    return re.findall(r"\s*\S+(?:\s+$)?", text)
