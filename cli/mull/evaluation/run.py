"""Ask questions of a model, in parallel, and judge the answers: each becomes an `AnswerRecord` when it ends.

In: a loaded backend, and jobs, each a question with a mode and a seed. Out: records in the order in which they end, and
None several times a second. A question with several turns is asked turn by turn, in one conversation. A failure is the
record of its question alone; what was stopped has no record.
"""

from __future__ import annotations

import hashlib
import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import field

from mull.backends.base import ChatBackend
from mull.batch.lines import Line
from mull.batch.scheduler import Answered, LineSource, Scheduler
from mull.control import TurnControl
from mull.dataclass import dataclass
from mull.errors import ExitCode, MullError
from mull.evaluation.judging import Judging
from mull.evaluation.questions import EvalQuestion
from mull.evaluation.records import AnswerRecord
from mull.evaluation.verdict import Reply
from mull.events import Asked, Done, ReasoningReport
from mull.messages import Message
from mull.settings import TurnSettings

_POLL = 0.1  # seconds that `take` waits at most
_SEEDS = 1 << 31


@dataclass(frozen=True, slots=True)
class Job:
    """A question, how it is asked, and for the how-manieth time (from 0). `model`: what records call it."""

    model: str
    suite: str
    question: EvalQuestion
    mode: Asked
    repeat: int
    seed: int

    @property
    def key(self) -> tuple[str, str, str, str, int]:
        """As `AnswerRecord.key`."""
        return self.model, self.mode, self.suite, self.question.id, self.repeat


def seed_of(seed: int, repeat: int) -> int:
    """The seed of a repeat: the run's own for the first one, numbers derived from it for the others."""
    if repeat == 0:
        return seed
    return int.from_bytes(hashlib.sha256(f"{seed}:{repeat}".encode()).digest()[:8]) % _SEEDS


@dataclass(slots=True)
class _Open:
    """A question that is being answered. `began`: a reading of the clock; `mark`: of the shares that had passed."""

    job: Job
    messages: list[Message]
    began: float
    mark: float
    turns: list[Done] = field(default_factory=list)


class _Shares:
    """How the time passes among those that run: each second is divided by their number, so that shares add up."""

    def __init__(self) -> None:
        self.passed = 0.0
        self._running = 0
        self._last = time.monotonic()

    def change(self, by: int) -> float:
        """One more, or one less; returns the share that had passed for each until now."""
        now = time.monotonic()
        if self._running:
            self.passed += (now - self._last) / self._running
        self._last = now
        self._running += by
        return self.passed


class _Turns(LineSource):
    """The turns to run: first those that continue a question, then new questions."""

    def __init__(self, jobs: Sequence[Job], system: str | None) -> None:
        self._jobs = deque(enumerate(jobs, 1))
        self._system = system
        self._next: deque[Line] = deque()
        self.open: dict[int, _Open] = {}
        self.shares = _Shares()

    @property
    def ended(self) -> bool:
        further = any(len(one.turns) < len(one.job.question.user_turns) - 1 for one in self.open.values())
        return not (self._jobs or self._next or further)

    def take(self, *, wait: bool) -> Line | None:
        if self._next:
            return self._next.popleft()
        if not self._jobs:
            if wait:
                time.sleep(_POLL)
            return None
        number, job = self._jobs.popleft()
        system = job.question.system or self._system
        messages = [Message("system", system)] if system else []
        messages.append(Message("user", job.question.user_turns[0]))
        self.open[number] = _Open(job, messages, time.monotonic(), self.shares.change(1))
        return _line(number, messages)

    def close(self, number: int) -> tuple[_Open, float, float]:
        """The question has ended: what it was, its seconds, and its share of the time."""
        one = self.open.pop(number)
        share = self.shares.change(-1) - one.mark
        return one, time.monotonic() - one.began, share

    def continues(self, number: int, done: Done) -> bool:
        """Whether the question has another turn, which is run next then."""
        one = self.open[number]
        one.turns.append(done)
        left = one.job.question.user_turns[len(one.turns) :]
        if not left or done.finish in {"error", "interrupted"}:
            return False
        one.messages.append(Message("assistant", done.answer, done.thinking, tokens=done.tokens))
        one.messages.append(Message("user", left[0]))
        self._next.append(_line(number, one.messages))
        return True


def _line(number: int, messages: Sequence[Message]) -> Line:
    return Line(number, number, messages=tuple(messages))


class Asker:
    """Asks the jobs of one backend. `settings`: those of a job; `system`: the prompt of questions that have none."""

    def __init__(
        self,
        backend: ChatBackend,
        settings: Callable[[Job], TurnSettings],
        control: TurnControl,
        judging: Judging,
        *,
        system: str | None = None,
    ) -> None:
        self._backend = backend
        self._settings = settings
        self._control = control
        self._judging = judging
        self._system = system
        self._scheduler: Scheduler | None = None
        self.failure: MullError | None = None
        """The error of the first question that got no answer."""
        self.reports: list[ReasoningReport] = []
        """How the model was asked to think and what was applied: each that differs from those before."""

    @property
    def tokens(self) -> int:
        """Generated so far."""
        return self._scheduler.tokens if self._scheduler is not None else 0

    def ask(self, jobs: Sequence[Job]) -> Generator[AnswerRecord | None, None, None]:
        """The records of all jobs, or of those that ended before the control was stopped."""
        turns = _Turns(jobs, self._system)
        self._scheduler = Scheduler(
            turns,
            self._backend,
            lambda line: (list(line.messages), self._settings(turns.open[line.number].job)),
            self._control,
            ahead=None,
        )
        with closing(self._scheduler.run()) as answered:
            for one in answered:
                if one is not None:
                    self._take(turns, one)
                yield None
                yield from self._judging.ready()
        yield from self._judging.rest(self._control)

    def _take(self, turns: _Turns, answered: Answered) -> None:
        number, result = answered.line.number, answered.result
        if result.exit_code == ExitCode.INTERRUPTED or (self._control.stopped and _failed(result)):
            turns.close(number)
            return
        if isinstance(result, Done):
            if result.reasoning not in self.reports:
                self.reports.append(result.reasoning)
            if turns.continues(number, result):
                return
        one, seconds, share = turns.close(number)
        error = _failed(result)
        self.failure = self.failure or error
        record = _record(one, error, seconds, share)
        finish = one.turns[-1].finish if one.turns else "error"
        reply = Reply(record.answer, record.thinking, tuple(record.replies), finish)
        self._judging.put(record, one.job.question, None if error else reply)


def _failed(result: Done | MullError) -> MullError | None:
    if isinstance(result, MullError):
        return result
    return result.error if result.finish == "error" else None


def _record(one: _Open, error: MullError | None, seconds: float, share: float) -> AnswerRecord:
    """The record before it is judged. An answer that failed is empty: no part of it counts."""
    job, turns = one.job, one.turns
    last = turns[-1] if turns else None
    replies = [turn.answer for turn in turns] if len(job.question.user_turns) > 1 else []
    return AnswerRecord(
        suite=job.suite,
        id=job.question.id,
        model=job.model,
        mode=job.mode,
        repeat=job.repeat,
        applied=last.reasoning.applied if last is not None else "none",
        answer="" if last is None or error is not None else last.answer,
        thinking="\n\n".join(turn.thinking for turn in turns if turn.thinking),
        replies=replies,
        right=None,
        reason=error.message if error is not None else "",
        label="",
        finish="error" if error is not None or last is None else last.finish,
        error=error.code if error is not None else None,
        prompt_tokens=sum(turn.usage.prompt for turn in turns),
        thinking_tokens=sum(turn.usage.thinking for turn in turns),
        answer_tokens=sum(turn.usage.answer for turn in turns),
        seconds=round(seconds, 4),
        seed=job.seed,
        share=round(share, 6),
    )
