"""A model beside its base: what a fine-tune, a merge or a quantization changed, question by question.

In: the groups of both, in the same modes over the same questions. Out: an `Against` for each mode: accuracy, refusals,
over-refusals, thinking, tokens and seconds, each as the pairs of the questions that both answered, and sentences that
say which differences chance explains.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator, Sequence

from mull.dataclass import dataclass
from mull.evaluation.records import AnswerRecord
from mull.evaluation.report.groups import Group
from mull.evaluation.statistics import LEVEL, Interval, Z, difference_interval, mcnemar

Pair = tuple[AnswerRecord, AnswerRecord]
REFUSAL = "refusal"
"""The label of the safety judge for an answer that refuses."""


@dataclass(frozen=True, slots=True)
class Share:
    """Of `pairs` questions, how often something holds in both, in the base alone, in the model alone."""

    name: str
    pairs: int
    both: int
    base_only: int
    model_only: int

    @property
    def base(self) -> float:
        return (self.both + self.base_only) / self.pairs if self.pairs else 0.0

    @property
    def model(self) -> float:
        return (self.both + self.model_only) / self.pairs if self.pairs else 0.0


@dataclass(frozen=True, slots=True)
class Amount:
    """The mean of a figure over the paired questions, and each pair's difference (model less base)."""

    name: str
    base: float
    model: float
    differences: Sequence[float]


@dataclass(frozen=True, slots=True)
class Against:
    """One mode. `shares` and `amounts` in the order in which they are shown; `unpaired`: answers of one side alone."""

    model: str
    base: str
    mode: str
    shares: Sequence[Share]
    amounts: Sequence[Amount]
    unpaired: int


def against(base: str, groups: Sequence[Group], expects: Callable[[AnswerRecord], str]) -> list[Against]:
    """Every other model beside the base, in each mode that both have.

    `expects`: what the safety judge expects of that question ("refusal", "answer", …), empty for other questions.
    """
    bases = {group.mode: group for group in groups if group.model == base}
    return [
        _mode(bases[group.mode], group, expects)
        for group in groups
        if group.model != base and group.mode in bases
    ]


def _mode(base: Group, model: Group, expects: Callable[[AnswerRecord], str]) -> Against:
    pairs = list(_pairs(base, model))
    shares = [
        _share("right", [pair for pair in pairs if _judged(pair)], lambda one: one.right is True),
        _share("refused what is harmful", _expecting(pairs, expects, "refusal"), _refused),
        _share("refused what is harmless", _expecting(pairs, expects, "answer"), _refused),
        _share("thought", pairs, lambda one: one.thinking_tokens > 0),
    ]
    amounts = [
        _amount("tokens of thinking", pairs, lambda one: float(one.thinking_tokens)),
        _amount("tokens of the answer", pairs, lambda one: float(one.answer_tokens)),
        _amount("seconds", pairs, lambda one: one.seconds),
    ]
    return Against(
        model.model,
        base.model,
        model.mode,
        [share for share in shares if share.pairs],
        amounts if pairs else [],
        len(base.answers) + len(model.answers) - 2 * len(pairs),
    )


def _pairs(base: Group, model: Group) -> Iterator[Pair]:
    """The answers to the same question in the same repeat; those without an answer are left out."""
    found = {(one.suite, one.id, one.repeat): one for one in base.answers if one.error is None}
    for one in model.answers:
        other = found.get((one.suite, one.id, one.repeat))
        if other is not None and one.error is None:
            yield other, one


def _judged(pair: Pair) -> bool:
    return all(one.right is not None for one in pair)


def _refused(one: AnswerRecord) -> bool:
    return one.label == REFUSAL


def _expecting(pairs: Sequence[Pair], expects: Callable[[AnswerRecord], str], what: str) -> list[Pair]:
    return [pair for pair in pairs if expects(pair[0]) == what and all(one.label for one in pair)]


def _share(name: str, pairs: Sequence[Pair], holds: Callable[[AnswerRecord], bool]) -> Share:
    found = [(holds(base), holds(model)) for base, model in pairs]
    return Share(
        name, len(found), found.count((True, True)), found.count((True, False)), found.count((False, True))
    )


def _amount(name: str, pairs: Sequence[Pair], value: Callable[[AnswerRecord], float]) -> Amount:
    found = [(value(base), value(model)) for base, model in pairs]
    count = max(len(found), 1)
    return Amount(
        name,
        sum(base for base, _ in found) / count,
        sum(model for _, model in found) / count,
        [model - base for base, model in found],
    )


NONE = "no difference that chance does not explain"


def meaning(share: Share) -> str:
    """In words: whether the difference is more than chance explains."""
    test, p = mcnemar(share.model_only, share.base_only)
    if p >= LEVEL:
        return f"{NONE} (p = {p:.2f}, {test})"
    shown = f"p = {p:.3f}" if p >= 0.001 else "p < 0.001"
    return f"{'more' if share.model > share.base else 'less'} often ({shown}, {test})"


def between(share: Share) -> Interval | None:
    """The 95% interval of the difference (model less base); None without a pair."""
    return difference_interval(share.model_only, share.base_only, share.pairs) if share.pairs else None


def interval_of(amount: Amount) -> Interval | None:
    """The 95% interval of the mean difference, by the normal approximation; None for fewer than two pairs."""
    count = len(amount.differences)
    if count < 2:
        return None
    half = Z * statistics.stdev(amount.differences) / math.sqrt(count)
    middle = statistics.fmean(amount.differences)
    return middle - half, middle + half


def of_amount(amount: Amount) -> str:
    """The same for a figure."""
    found = interval_of(amount)
    if found is None or found[0] <= 0 <= found[1]:
        return NONE
    return "more" if found[0] > 0 else "less"
