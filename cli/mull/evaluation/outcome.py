"""The outcome of asking the questions in one mode: accuracy, and cost in tokens and seconds.

In: questions and the `Done` of their turns. Out: an `EvalOutcome`, and its JSON values. It runs no model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mull.errors import MullError
from mull.evaluation.judge import judge
from mull.evaluation.questions import EvalQuestion
from mull.events import Asked, Done, ReasoningReport

_UNFINISHED = {"length", "thinking", "loop"}


@dataclass(frozen=True, slots=True)
class EvalOutcome:
    """One mode: the finished questions. `results[i]` belongs to `questions[i]`; `seconds`: of all together."""

    asked: Asked
    questions: Sequence[EvalQuestion]
    results: Sequence[Done | MullError]
    seconds: float

    @property
    def report(self) -> ReasoningReport | None:
        """How the model was asked to think, what was applied, and how; None if no question was answered.

        The same in every turn, unless a model thinks only sometimes although it was asked not to: then that turn's.
        """
        reports = [result.reasoning for result in self._ended]
        first = next(iter(reports), None)
        return next((report for report in reports if report.notice or report.applied != self.asked), first)

    @property
    def failure(self) -> MullError | None:
        """The error of the first question that got no answer."""
        return next((error for result in self.results if (error := _error(result))), None)

    @property
    def right(self) -> int:
        return len(self.questions) - len(self.wrong())

    @property
    def accuracy(self) -> float:
        """The share of the questions that were answered right, 0.0 to 1.0."""
        return self.right / len(self.questions) if self.questions else 0.0

    @property
    def unfinished(self) -> int:
        """How many answers were cut, or never started."""
        return sum(result.finish in _UNFINISHED for result in self._ended)

    @property
    def failed(self) -> int:
        return len(self.results) - len(self._ended)

    @property
    def thinking_tokens(self) -> int:
        return sum(result.usage.thinking for result in self._ended)

    @property
    def answer_tokens(self) -> int:
        return sum(result.usage.answer for result in self._ended)

    def is_right(self, index: int) -> bool:
        return bool(judge(self.questions[index], self.answer(index)).right)

    def answer(self, index: int) -> str:
        """The answer; empty if there was none, or not all of it."""
        result = self.results[index]
        return "" if isinstance(result, MullError) or _error(result) else result.answer

    def kinds(self) -> Mapping[str, tuple[int, int]]:
        """For each kind of question, how many there were and how many were answered right."""
        counts: dict[str, tuple[int, int]] = {}
        for index, question in enumerate(self.questions):
            total, right = counts.get(question.kind, (0, 0))
            counts[question.kind] = total + 1, right + self.is_right(index)
        return counts

    def wrong(self) -> list[int]:
        """The indexes of the questions that were not answered right."""
        return [index for index in range(len(self.questions)) if not self.is_right(index)]

    @property
    def _ended(self) -> list[Done]:
        return [result for result in self.results if isinstance(result, Done) and not _error(result)]


def _error(result: Done | MullError) -> MullError | None:
    if isinstance(result, MullError):
        return result
    return result.error if result.finish == "error" else None


def as_json(outcome: EvalOutcome) -> dict[str, Any]:
    """One mode in the JSON of `mull eval`."""
    report = outcome.report
    return {
        "asked": outcome.asked,
        "applied": "none" if report is None else report.applied,
        "how": "" if report is None else report.how,
        "notice": None if report is None else report.notice,
        "questions": len(outcome.questions),
        "right": outcome.right,
        "accuracy": round(outcome.accuracy, 4),
        "unfinished": outcome.unfinished,
        "failed": outcome.failed,
        "tokens": {"thinking": outcome.thinking_tokens, "answer": outcome.answer_tokens},
        "seconds": round(outcome.seconds, 4),
        "kinds": {
            kind: {"questions": total, "right": right} for kind, (total, right) in outcome.kinds().items()
        },
        "wrong": [
            {
                "prompt": outcome.questions[index].prompt,
                "expected": outcome.questions[index].expected,
                "answer": outcome.answer(index),
            }
            for index in outcome.wrong()
        ],
    }
