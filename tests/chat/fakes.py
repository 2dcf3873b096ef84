"""A model that answers from a list: what a conversation needs, without weights."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from mull.control import TurnControl
from mull.errors import EngineError
from mull.events import AnswerDelta, Done, Event, Finish, ReasoningReport, ThinkingDelta, Timing, Usage
from mull.messages import Message
from mull.settings import Sampling, TurnSettings


@dataclass
class FakeModel:
    """Says each of `script` in turn ("thinking|answer", or an answer alone); a token is a word."""

    script: list[str] = field(default_factory=list)
    context_tokens: int = 1000
    name: str = "fake"
    seen: list[list[Message]] = field(default_factory=list)
    asked: list[TurnSettings] = field(default_factory=list)
    fails: bool = False

    def advice(self, on: bool | None) -> Sampling:
        return Sampling(temperature=0.6 if on else 0.7)

    def count(self, messages: Sequence[Message], settings: TurnSettings) -> int:  # noqa: ARG002
        return sum(len(message.content.split()) + 2 for message in messages)

    def answer(
        self, messages: Sequence[Message], settings: TurnSettings, control: TurnControl
    ) -> Iterator[Event]:
        self.seen.append(list(messages))
        self.asked.append(settings)
        if self.fails:
            raise EngineError("broken", "The engine broke.", "Mend it.")
        thinking, _, answer = self.script.pop(0).rpartition("|")
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
        usage = Usage(prompt=self.count(messages, settings), thinking=len(thinking.split()), answer=len(said))
        yield Done(self.name, "".join(said), thinking, report, finish, usage, Timing(answer=0.5))
