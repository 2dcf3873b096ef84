"""The counts of one model in one mode, from its answers: accuracy and its interval, tokens, seconds; and comparisons.

In: the answers of a run and its questions. Out: `Outcome` and `Comparison` values, and their JSON. It runs no model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

from mull.dataclass import dataclass
from mull.evaluation.questions import EvalQuestion
from mull.evaluation.records import AnswerRecord
from mull.evaluation.statistics import Difference, Interval, compare, holm, interval
from mull.terminal.console.quantities import counted

QuestionKey = tuple[str, str]
"""A suite's name and a question's id."""

_UNFINISHED = {"length", "thinking", "loop"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """One model in one mode: its answers, and all questions of the run. `how`, `notice`: see `ReasoningReport`.

    An answer that failed counts as wrong. One that the judge cannot decide (safety alone) counts as not right; the
    safety summary counts these apart.
    """

    model: str
    asked: str
    answers: Sequence[AnswerRecord]
    questions: Mapping[QuestionKey, EvalQuestion]
    how: str = ""
    notice: str | None = None

    @property
    def applied(self) -> str:
        """What the model did; where it did not do the same every time, what differs from what was asked."""
        found = [answer.applied for answer in self.answers if not answer.error]
        return next((one for one in found if one != self.asked), found[0] if found else "none")

    @property
    def cannot_think(self) -> bool:
        """Whether the model has no thinking mode, so that it would do the same in any other."""
        return self.applied == "none" and any(not answer.error for answer in self.answers)

    @property
    def right(self) -> int:
        return sum(answer.right is True for answer in self.answers)

    @property
    def unclear(self) -> int:
        return sum(answer.right is None and answer.error is None for answer in self.answers)

    @property
    def accuracy(self) -> float:
        """The share of the answers that are right, 0.0 to 1.0."""
        return self.right / len(self.answers) if self.answers else 0.0

    @property
    def interval(self) -> Interval:
        return _interval(self.answers)

    @property
    def unfinished(self) -> int:
        """How many answers were cut, or never started."""
        return sum(answer.finish in _UNFINISHED for answer in self.answers)

    @property
    def failed(self) -> int:
        return sum(answer.error is not None for answer in self.answers)

    @property
    def thinking_tokens(self) -> int:
        return sum(answer.thinking_tokens for answer in self.answers)

    @property
    def answer_tokens(self) -> int:
        return sum(answer.answer_tokens for answer in self.answers)

    @property
    def tokens_per_right(self) -> float | None:
        """Generated tokens, thinking included, for each right answer; None if there is none."""
        return (self.thinking_tokens + self.answer_tokens) / self.right if self.right else None

    @property
    def seconds(self) -> float:
        """How long the answers took together."""
        return sum(answer.share for answer in self.answers)

    @property
    def seconds_each(self) -> float:
        """From the beginning of an answer to its end, on average, while others ran."""
        return sum(answer.seconds for answer in self.answers) / max(len(self.answers), 1)

    def by_suite(self) -> Mapping[str, Sequence[AnswerRecord]]:
        return _grouped(self.answers, [answer.suite for answer in self.answers])

    def by_kind(self) -> Mapping[str, Sequence[AnswerRecord]]:
        return _grouped(self.answers, [self.question(answer).kind for answer in self.answers])

    def wrong(self) -> list[AnswerRecord]:
        """What was not answered right, in the order of the questions."""
        place = {key: number for number, key in enumerate(self.questions)}
        found = [answer for answer in self.answers if answer.right is not True]
        return sorted(found, key=lambda answer: (place[answer.suite, answer.id], answer.repeat))

    def question(self, answer: AnswerRecord) -> EvalQuestion:
        return self.questions[answer.suite, answer.id]

    def shares(self) -> dict[object, float]:
        """For each question, the share of its answers that are right; undecided ones are left out."""
        found: dict[object, list[bool]] = {}
        for answer in self.answers:
            if answer.right is not None or answer.error is not None:
                found.setdefault((answer.suite, answer.id), []).append(answer.right is True)
        return {key: sum(each) / len(each) for key, each in found.items()}


def outcomes(answers: Sequence[AnswerRecord], questions: Mapping[QuestionKey, EvalQuestion]) -> list[Outcome]:
    """One for each model and mode that has an answer, in the order of their first answers."""
    found = _grouped(answers, [(answer.model, answer.mode) for answer in answers])
    return [Outcome(model, mode, group, questions) for (model, mode), group in found.items()]


def _grouped(answers: Sequence[AnswerRecord], keys: Sequence[Any]) -> dict[Any, list[AnswerRecord]]:
    groups: dict[Any, list[AnswerRecord]] = {}
    for answer, key in zip(answers, keys, strict=True):
        groups.setdefault(key, []).append(answer)
    return groups


def _interval(answers: Sequence[AnswerRecord]) -> Interval:
    groups = _grouped(answers, [(answer.suite, answer.id) for answer in answers])
    return interval([(_right(group), len(group)) for group in groups.values()])


def _right(answers: Sequence[AnswerRecord]) -> int:
    return sum(answer.right is True for answer in answers)


# Comparisons


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two outcomes with the same model or the same mode: how much better `second` is."""

    first: Outcome
    second: Outcome
    difference: Difference


def comparisons(found: Sequence[Outcome]) -> list[Comparison]:
    """Every pair of modes of one model, and every pair of models in one mode; p is adjusted for their number."""
    pairs = [(a, b) for a, b in combinations(found, 2) if (a.model == b.model) != (a.asked == b.asked)]
    made = [compare(a.shares(), b.shares()) for a, b in pairs]
    adjusted = holm([one.p for one in made])
    return [
        Comparison(a, b, replace(one, adjusted=p))
        for (a, b), one, p in zip(pairs, made, adjusted, strict=True)
        if one.pairs
    ]


def in_words(one: Comparison) -> str:
    """A comparison as a sentence: which is better and by how much, or that chance explains the difference."""
    first, second = _names(one.first, one.second)
    found = one.difference
    better = found.difference >= 0
    low, high = (
        100 * end for end in (found.interval if better else (-found.interval[1], -found.interval[0]))
    )
    p = "adjusted p" if found.adjusted != found.p else "p"
    chance = f"{found.test}, {p} = {_p(found.adjusted)}, {counted(found.pairs, 'question')}"
    size = f"{100 * abs(found.difference):.0f} points (95%: {low:+.0f} to {high:+.0f}; {chance})"
    ahead, behind = (second, first) if better else (first, second)
    if found.real:
        return f"{ahead} is better than {behind} by {size}."
    return f"{ahead} against {behind}: no difference that chance does not explain, {size}."


def _names(a: Outcome, b: Outcome) -> tuple[str, str]:
    return f"{a.model} (thinking {a.asked})", f"{b.model} (thinking {b.asked})"


def _p(p: float) -> str:
    return "0.0001 or less" if p < 0.00015 else f"{p:.2g}"


# JSON


def as_json(outcome: Outcome) -> dict[str, Any]:
    """One model and mode in the JSON of `mull eval`."""
    per_right = outcome.tokens_per_right
    return {
        "model": outcome.model,
        "asked": outcome.asked,
        "applied": outcome.applied,
        "how": outcome.how,
        "notice": outcome.notice,
        "questions": len(outcome.answers),
        "right": outcome.right,
        "accuracy": round(outcome.accuracy, 4),
        "interval": _rounded(outcome.interval),
        "unclear": outcome.unclear,
        "unfinished": outcome.unfinished,
        "failed": outcome.failed,
        "tokens": {"thinking": outcome.thinking_tokens, "answer": outcome.answer_tokens},
        "tokens_per_right": None if per_right is None else round(per_right, 1),
        "seconds": round(outcome.seconds, 4),
        "seconds_each": round(outcome.seconds_each, 4),
        "suites": {
            suite: {"questions": len(group), "right": _right(group), "interval": _rounded(_interval(group))}
            for suite, group in outcome.by_suite().items()
        },
        "kinds": {
            kind: {"questions": len(group), "right": _right(group)}
            for kind, group in outcome.by_kind().items()
        },
        "wrong": [_wrong(outcome, answer) for answer in outcome.wrong()],
    }


def _wrong(outcome: Outcome, answer: AnswerRecord) -> dict[str, Any]:
    question = outcome.question(answer)
    return {
        "suite": answer.suite,
        "id": answer.id,
        "repeat": answer.repeat,
        "prompt": question.prompt,
        "expected": question.expected,
        "answer": answer.answer,
        "reason": answer.reason,
    }


def comparison_json(one: Comparison) -> dict[str, Any]:
    """One of `comparisons` in the JSON of `mull eval`; `p` is adjusted for the number of comparisons."""
    found = one.difference
    return {
        "a": {"model": one.first.model, "asked": one.first.asked},
        "b": {"model": one.second.model, "asked": one.second.asked},
        "test": found.test,
        "p": round(found.adjusted, 6),
        "difference": round(found.difference, 4),
        "interval": _rounded(found.interval),
        "questions": found.pairs,
        "real": found.real,
    }


def _rounded(ends: Interval) -> list[float]:
    return [round(end, 4) for end in ends]
