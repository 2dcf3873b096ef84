"""What a report or a card is made of, once a run has ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field

from mull.dataclass import dataclass
from mull.evaluation.questions import EvalQuestion
from mull.evaluation.records import AnswerRecord, RunRecord
from mull.evaluation.report.against import Against
from mull.evaluation.report.groups import Group, groups
from mull.evaluation.report.published import Published


@dataclass(frozen=True, slots=True)
class Contents:
    """A run, its answers by model and mode, and what is said about them.

    `questions`: by suite and id, as far as they are known. `comparisons`: sentences. `against`: models beside their
    base, where that was asked for. `notes`: lines that come before the results, such as how far an interrupted run got.
    """

    run: RunRecord
    groups: Sequence[Group]
    questions: Mapping[tuple[str, str], EvalQuestion] = field(default_factory=dict)
    comparisons: Sequence[str] = ()
    against: Sequence[Against] = ()
    published: Sequence[Published] = ()
    notes: Sequence[str] = ()

    @classmethod
    def of(cls, run: RunRecord, answers: Sequence[AnswerRecord]) -> Contents:
        """Without questions, comparisons and published scores."""
        return cls(run, groups(run, answers))


CAUTION = (
    "These questions are small and few, written for mull, and judged by programs. They compare models and modes on "
    "this machine; they do not say how good a model is at other work."
)
"""What every report says first."""
