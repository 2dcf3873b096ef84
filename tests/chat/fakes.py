"""A backend that answers from a list: everything a conversation needs, without weights."""

from __future__ import annotations

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
from mull.settings import Sampling, TurnSettings


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
    reference: str = "fake"
    location: str = "nowhere"
    capabilities: Capabilities = field(default_factory=Capabilities)

    def start(self, on_progress: Callable[[], None] | None = None) -> None:
        pass

    def head_start(self) -> None:
        pass

    def load(self, control: TurnControl) -> Iterator[Event]:
        if not self.ready:
            if control.stopped:
                raise Interrupted
            yield Loading(self.name, 1.0)
            self.ready = True

    def sampling_advice(self, thinking: bool | None) -> Sampling:
        return Sampling(temperature=0.6 if thinking else 0.7)

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
        thinking, _, answer = self.script.pop(0).rpartition("|")
        if settings.reasoning.on is False:
            thinking = ""
        said: list[str] = []
        if thinking:
            yield ThinkingDelta(thinking, len(thinking.split()))
        finish: Finish = "stop"
        for word in answer.split(" "):
            if control.stopped:
                finish = "interrupted"
                break
            said.append(word if not said else " " + word)
            yield AnswerDelta(said[-1], len(said))
        report = ReasoningReport(settings.reasoning.asked, "on" if thinking else "off", "fake")
        usage = Usage(prompt=prompt, thinking=len(thinking.split()), answer=len(said))
        yield Done(self.name, "".join(said), thinking, report, finish, usage, Timing(answer=0.5))

    def stream_many(
        self, turns: TurnSource, control: TurnControl
    ) -> Generator[KeyedEvent | None, None, None]:
        while not control.stopped and not turns.ended:
            if (request := turns.take(wait=True)) is None:
                yield None
                continue
            try:
                for event in self.stream(request.messages, request.settings, control):
                    yield request.key, event
            except MullError as error:
                yield request.key, error

    def persist(self) -> None:
        pass

    def close(self) -> None:
        self.ready = False
