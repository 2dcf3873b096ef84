"""The answers of a run by model and mode: the counts that the page, the plot and the card show.

In: a `RunRecord` and its answers. Out: `Group` values, in the order of the run. An answer that a judge cannot decide,
and a question that got no answer, count as not right, and are counted apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from mull.evaluation.records import AnswerRecord, RunRecord
from mull.evaluation.statistics import interval

UNFINISHED = frozenset({"length", "thinking", "loop"})
"""Ends of an answer that was cut, or never started."""


@dataclass(frozen=True)
class Group:
    """The answers of one model in one mode, in the run's order of questions."""

    model: str
    mode: str
    answers: Sequence[AnswerRecord]

    @property
    def label(self) -> str:
        """`smollm2-135m, off`; what was applied, too, where that is another mode."""
        return f"{self.model}, {self.mode_text}"

    @property
    def mode_text(self) -> str:
        applied = next((one.applied for one in self.answers if one.applied not in {"", self.mode}), "")
        return f"{self.mode} (applied: {applied})" if applied else self.mode

    @property
    def right(self) -> int:
        return sum(one.right is True for one in self.answers)

    @cached_property
    def unclear(self) -> int:
        return sum(one.right is None and one.error is None for one in self.answers)

    @property
    def failed(self) -> int:
        """How many questions got no answer, because of an error."""
        return sum(one.error is not None for one in self.answers)

    @property
    def unfinished(self) -> int:
        return sum(one.error is None and one.finish in UNFINISHED for one in self.answers)

    @property
    def judged(self) -> int:
        """The answers that the accuracy is a share of."""
        return len(self.answers)

    @property
    def accuracy(self) -> float:
        """The share of the answers that are right, 0.0 to 1.0."""
        return self.right / self.judged if self.judged else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Where the accuracy lies with 95% confidence."""
        found: dict[tuple[str, str], tuple[int, int]] = {}
        for one in self.answers:
            right, asked = found.get((one.suite, one.id), (0, 0))
            found[one.suite, one.id] = right + (one.right is True), asked + 1
        return interval(list(found.values()))

    @property
    def seconds_each(self) -> float:
        """Seconds from the beginning of a turn to its end, on average; others may run in parallel."""
        return sum(one.seconds for one in self._ended) / max(len(self._ended), 1)

    @property
    def thinking_tokens(self) -> int:
        return sum(one.thinking_tokens for one in self.answers)

    @property
    def answer_tokens(self) -> int:
        return sum(one.answer_tokens for one in self.answers)

    @property
    def tokens_each(self) -> float:
        """Tokens of an answer with its thinking, on average."""
        return (self.thinking_tokens + self.answer_tokens) / max(len(self._ended), 1)

    @property
    def tokens_per_right(self) -> float | None:
        """Tokens that were generated for each right answer; None without one."""
        return (self.thinking_tokens + self.answer_tokens) / self.right if self.right else None

    def of_suite(self, suite: str) -> Group:
        """The part of one suite."""
        return Group(self.model, self.mode, [one for one in self.answers if one.suite == suite])

    @cached_property
    def _ended(self) -> Sequence[AnswerRecord]:
        return [one for one in self.answers if one.error is None]


def groups(run: RunRecord, answers: Sequence[AnswerRecord]) -> list[Group]:
    """One for each model and mode that has answers, in the order of the run."""
    found: dict[tuple[str, str], list[AnswerRecord]] = {
        (model.name, mode): [] for model in run.models for mode in run.modes
    }
    for one in answers:
        found.setdefault((one.model, one.mode), []).append(one)
    return [Group(model, mode, some) for (model, mode), some in found.items() if some]


def suites_of(groups: Sequence[Group]) -> list[str]:
    """The names of the suites, in the order in which they were asked."""
    return list(dict.fromkeys(one.suite for group in groups for one in group.answers))


def by_question(groups: Sequence[Group]) -> Mapping[tuple[str, str], list[list[AnswerRecord]]]:
    """For each suite and question, the answers of each group: one list for each, in the groups' order."""
    found: dict[tuple[str, str], list[list[AnswerRecord]]] = {}
    for number, group in enumerate(groups):
        for one in group.answers:
            lists = found.setdefault((one.suite, one.id), [[] for _ in groups])
            lists[number].append(one)
    return found
