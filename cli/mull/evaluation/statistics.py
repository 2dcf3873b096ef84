"""What chance can do: intervals of a share, and whether two models or modes differ.

In: counts of right answers. Out: intervals of 95% as (low, high), and `Difference` values that name their test. No
randomness that is not seeded: the same answers give the same figures. The sources of the formulas are in the functions.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal

from mull.dataclass import dataclass

Z = 1.959963984540054
"""The standard normal quantile of 97.5%: two-sided intervals of 95%."""
LEVEL = 0.05
"""A difference with a greater p is one that chance explains."""

_EXACT = 25  # discordant pairs below which McNemar's test is computed exactly (the usual rule for the approximation)
_FLIPS = 9_999  # draws of the sign-flip test: p in steps of 0.0001
_SEED = 20  # of these draws

Interval = tuple[float, float]
Test = Literal["exact McNemar", "McNemar with continuity correction", "sign flips"]


def wilson(right: float, total: float) -> Interval:
    """The score interval of a share (Wilson 1927); (0, 1) if there is nothing to count."""
    if total <= 0:
        return 0.0, 1.0
    share, square = right / total, Z * Z
    centre = (share + square / (2 * total)) / (1 + square / total)
    half = Z / (1 + square / total) * math.sqrt(share * (1 - share) / total + square / (4 * total * total))
    return max(0.0, centre - half), min(1.0, centre + half)


def interval(questions: Sequence[tuple[int, int]]) -> Interval:
    """Of questions that were asked several times: (right, asked) each.

    Answers to one question resemble each other, so that repeats count for less than new questions: Wilson's interval of
    the effective number of answers (Kish's design effect), at least the number of questions, at most that of answers.
    """
    questions = [(right, asked) for right, asked in questions if asked]
    answers, right = sum(asked for _, asked in questions), sum(right for right, _ in questions)
    if not answers:
        return wilson(0, 0)
    size = _effective(questions, right / answers, answers)
    return wilson(right / answers * size, size)


def _effective(questions: Sequence[tuple[int, int]], share: float, answers: int) -> float:
    count = len(questions)
    if count == answers:
        return float(answers)
    if count < 2 or share in {0.0, 1.0}:  # no spread to estimate it from
        return float(count)
    spread = sum((right - share * asked) ** 2 for right, asked in questions)
    variance = count / (count - 1) * spread / answers**2
    size = answers if variance == 0 else share * (1 - share) / variance
    return min(float(answers), max(float(count), size))


@dataclass(frozen=True, slots=True)
class Difference:
    """How much better the second of two is: `difference` of the shares right over `pairs` questions, and its interval.

    `p`: how often chance alone makes a difference as large, both ways; `adjusted`: the same in view of all comparisons
    that were made (Holm 1979). `real`: chance does not explain it.
    """

    test: Test
    p: float
    difference: float
    interval: Interval
    pairs: int
    adjusted: float

    @property
    def real(self) -> bool:
        return self.adjusted < LEVEL


def compare(first: Mapping[object, float], second: Mapping[object, float]) -> Difference:
    """Paired by question: the share of its answers that were right, 0.0 to 1.0. Questions of one side are left out.

    Where every share is 0 or 1, McNemar's test; else a sign-flip test over the questions.
    """
    shared = [(first[key], second[key]) for key in first if key in second]
    if not shared:
        return Difference("exact McNemar", 1.0, 0.0, (-1.0, 1.0), 0, 1.0)
    if all(share in {0.0, 1.0} for pair in shared for share in pair):
        gained = sum(b > a for a, b in shared)
        lost = sum(b < a for a, b in shared)
        test, p = mcnemar(gained, lost)
        between = difference_interval(gained, lost, len(shared))
        return Difference(test, p, (gained - lost) / len(shared), between, len(shared), p)
    differences = [b - a for a, b in shared]
    p = sign_flips(differences)
    mean, half = _mean(differences)
    between = max(-1.0, mean - half), min(1.0, mean + half)
    return Difference("sign flips", p, mean, between, len(shared), p)


def mcnemar(gained: int, lost: int) -> tuple[Test, float]:
    """The p of McNemar's test for `gained` and `lost` answers (the discordant pairs), two-sided.

    Exact (binomial with 1/2) for fewer than 25 of them; else chi-square with Edwards' continuity correction and one
    degree of freedom.
    """
    discordant = gained + lost
    if discordant < _EXACT:
        tail = sum(math.comb(discordant, k) for k in range(min(gained, lost) + 1))
        return "exact McNemar", min(1.0, 2 * tail / 2**discordant)
    chi_square = max(0, abs(gained - lost) - 1) ** 2 / discordant
    return "McNemar with continuity correction", math.erfc(math.sqrt(chi_square / 2))


def difference_interval(gained: int, lost: int, pairs: int) -> Interval:
    """Of a difference between paired shares: Wald's interval with one answer added to each kind of discordant pair.

    Bonett and Price 2012; Fagerland, Lydersen and Laake 2014 recommend it.
    """
    more, less = (gained + 1) / (pairs + 2), (lost + 1) / (pairs + 2)
    half = Z * math.sqrt((more + less - (more - less) ** 2) / (pairs + 2))
    return max(-1.0, more - less - half), min(1.0, more - less + half)


def sign_flips(differences: Sequence[float]) -> float:
    """How often the mean of `differences` is as far from 0 when the sign of each is drawn at random (Fisher 1935)."""
    sizes = Counter(round(abs(one), 9) for one in differences if one)
    if not sizes:
        return 1.0
    seen = abs(sum(differences)) - 1e-9
    draw = random.Random(_SEED)
    extreme = 0
    for _ in range(_FLIPS):
        # Among `count` differences of one size, as many are positive as random bits are set.
        total = sum(size * (2 * draw.getrandbits(count).bit_count() - count) for size, count in sizes.items())
        extreme += abs(total) >= seen
    return (extreme + 1) / (_FLIPS + 1)


def _mean(values: Sequence[float]) -> tuple[float, float]:
    """The mean, and half of its interval by the normal approximation."""
    mean = sum(values) / len(values)
    if len(values) < 2:
        return mean, 1.0
    variance = sum((value - mean) ** 2 for value in values) / (len(values) - 1)
    return mean, Z * math.sqrt(variance / len(values))


def holm(values: Sequence[float]) -> list[float]:
    """Each p in view of all of them (Holm 1979): at a level of 5%, one in twenty runs has a false difference."""
    order = sorted(range(len(values)), key=values.__getitem__)
    adjusted = [1.0] * len(values)
    greatest = 0.0
    for rank, index in enumerate(order):
        greatest = max(greatest, min(1.0, (len(values) - rank) * values[index]))
        adjusted[index] = greatest
    return adjusted
