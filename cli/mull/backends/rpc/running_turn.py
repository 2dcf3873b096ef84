"""A turn that a child process runs: what came of it, so that it can be ended in the child's place.

In: the request, its events. Out: messages to the child; the end of the turn when the child is gone.
"""

from __future__ import annotations

from mull.backends.base import TurnRequest
from mull.backends.rpc.messages import Ask, Tell
from mull.errors import MullError
from mull.events import (
    AnswerDelta,
    Done,
    Event,
    Finish,
    PromptProgress,
    ReasoningReport,
    ThinkingDelta,
    Timing,
    Usage,
)


class RunningTurn:
    """`number` names it to the child. `asked_again`: it was given to a second child."""

    def __init__(self, number: int, request: TurnRequest) -> None:
        self.request = request
        self.asked_again = False
        self._number = number
        self._answers_now = False
        self._thinking: list[str] = []
        self._answer: list[str] = []
        self._usage = Usage()

    @property
    def has_text(self) -> bool:
        return bool(self._thinking or self._answer)

    @property
    def stopped(self) -> bool:
        return self.request.control is not None and self.request.control.stopped

    def has_to_answer(self) -> bool:
        """Whether the answer was requested since the last call."""
        control, before = self.request.control, self._answers_now
        self._answers_now = control is not None and control.wants_answer
        return self._answers_now and not before

    def ask(self) -> Ask:
        """The message that begins it."""
        self._answers_now = False
        return Ask(self._number, tuple(self.request.messages), self.request.settings)

    def stop(self) -> Tell:
        return Tell(self._number, "stop")

    def answer_now(self) -> Tell:
        return Tell(self._number, "answer_now")

    def see(self, event: Event) -> None:
        """Remember what an event tells."""
        usage = self._usage
        match event:
            case PromptProgress(_, total, cached):
                self._usage = Usage(total, cached, usage.thinking, usage.answer)
            case ThinkingDelta(text, tokens):
                self._thinking.append(text)
                self._usage = Usage(usage.prompt, usage.cached, tokens, usage.answer)
            case AnswerDelta(text, tokens, thinking):
                self._answer.append(text)
                self._usage = Usage(usage.prompt, usage.cached, max(usage.thinking, thinking), tokens)

    def broken_off(self, model: str, error: MullError) -> Done | MullError:
        """Its end in place of the child's: an error before its first text, else what there is of it."""
        return self._done(model, "error", error) if self.has_text else error

    def interrupted(self, model: str) -> Done:
        """Its end after a stop."""
        return self._done(model, "interrupted", None)

    def _done(self, model: str, finish: Finish, error: MullError | None) -> Done:
        return Done(
            model=model,
            answer="".join(self._answer),
            thinking="".join(self._thinking),
            reasoning=ReasoningReport(
                self.request.settings.reasoning.asked, "default", "the turn did not end"
            ),
            finish=finish,
            usage=self._usage,
            timing=Timing(),
            error=error,
        )
