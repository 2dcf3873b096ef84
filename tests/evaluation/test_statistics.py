"""Intervals and tests beside published values and closed forms."""

from __future__ import annotations

import math

import pytest

from mull.evaluation.statistics import (
    compare,
    difference_interval,
    holm,
    interval,
    mcnemar,
    sign_flips,
    wilson,
)


@pytest.mark.parametrize(
    ("right", "total", "low", "high"),
    [  # Newcombe 1998, Statistics in Medicine 17:857, table I, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_as_published(right: int, total: int, low: float, high: float) -> None:
    assert wilson(right, total) == pytest.approx((low, high), abs=5e-5)


def test_wilson_at_the_ends_and_without_answers() -> None:
    square = 1.959963984540054**2  # of none right, the upper end is z²/(n + z²)
    assert wilson(0, 10) == pytest.approx((0.0, square / (10 + square)))
    assert wilson(10, 10) == pytest.approx((10 / (10 + square), 1.0))
    assert wilson(0, 0) == (0.0, 1.0)


def test_repeats_that_agree_count_once() -> None:
    """Each question three times, always with the same result: as much is known as from asking once."""
    assert interval([(3, 3)] * 40 + [(0, 3)] * 60) == pytest.approx(wilson(40, 100), abs=1e-3)
    assert interval([(3, 3)] * 50) == wilson(50, 50)


def test_repeats_that_differ_count_for_more() -> None:
    low, high = interval([(1, 2)] * 100)  # each question is right every other time
    assert (low, high) == pytest.approx(wilson(100, 200))
    assert interval([(1, 1)] * 40 + [(0, 1)] * 60) == wilson(40, 100)
    assert interval([]) == interval([(0, 0)]) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("gained", "lost", "p"),
    [
        (0, 0, 1.0),
        (5, 5, 1.0),
        (1, 9, 2 * 11 / 1024),  # 2 · (1 + 10) / 2¹⁰
        (0, 6, 2 / 64),
        (12, 12, 1.0),
    ],
)
def test_mcnemar_exact_by_hand(gained: int, lost: int, p: float) -> None:
    assert mcnemar(gained, lost) == ("exact McNemar", pytest.approx(p))
    assert mcnemar(lost, gained)[1] == pytest.approx(p)


@pytest.mark.parametrize(
    ("gained", "lost", "chi_square"),
    [
        (150, 86, 63**2 / 236),  # Agresti's table of the approval of a prime minister: 16.82 with correction
        (59, 121, 61**2 / 180),
        (13, 12, 0.0),
    ],
)
def test_mcnemar_of_many_pairs_is_chi_square_with_correction(
    gained: int, lost: int, chi_square: float
) -> None:
    test, p = mcnemar(gained, lost)
    assert test == "McNemar with continuity correction"
    normal = math.sqrt(chi_square)  # chi-square with one degree of freedom is the square of a standard normal
    assert p == pytest.approx(2 * (1 - 0.5 * (1 + math.erf(normal / math.sqrt(2)))), abs=1e-12)


def test_the_quantiles_of_chi_square_have_their_p() -> None:
    """3.841 is the tabulated 95% quantile: (|b - c| - 1)² / (b + c) just below and above it."""
    assert mcnemar(70, 48)[1] > 0.05  # 21² / 118 = 3.737
    assert mcnemar(70, 47)[1] < 0.05  # 22² / 117 = 4.137


def test_the_interval_of_a_difference_by_hand() -> None:
    """Fagerland 2014's airway example, 21 children: 1 gained, 7 lost."""
    assert difference_interval(1, 7, 21) == pytest.approx((-0.508, -0.013), abs=5e-4)
    half = 1.95996 * math.sqrt((1 / 12 + 1 / 12) / 12)  # one answer added to each kind
    assert difference_interval(0, 0, 10) == pytest.approx((-half, half), abs=1e-5)


def test_a_comparison_is_paired_by_question() -> None:
    first = {number: float(number < 10) for number in range(30)}
    second = {number: float(number < 20) for number in range(5, 40)}
    found = compare(first, second)  # of the 25 shared ones, 10 were gained and none lost
    assert (found.test, found.pairs, found.difference) == ("exact McNemar", 25, 10 / 25)
    assert found.p == pytest.approx(2 / 1024)
    assert found.real
    assert found.interval[0] > 0


def test_a_difference_that_chance_explains_is_none() -> None:
    first = dict.fromkeys(range(100), 0.0)
    second = first | dict.fromkeys(range(5), 1.0)
    found = compare(first, second)
    assert found.difference == 0.05
    assert found.p == pytest.approx(2 / 32)
    assert not found.real


def test_without_shared_questions_nothing_is_said() -> None:
    found = compare({"a": 1.0}, {"b": 0.0})
    assert (found.pairs, found.p, found.interval, found.real) == (0, 1.0, (-1.0, 1.0), False)


def test_with_repeats_the_signs_are_flipped_by_question() -> None:
    found = compare({1: 0.5, 2: 0.0, 3: 0.0}, {1: 1.0, 2: 0.5, 3: 0.5})
    assert found.test == "sign flips"
    assert found.difference == 0.5
    # Three differences of one sign: two of the eight patterns of signs are as far from zero.
    assert found.p == pytest.approx(0.25, abs=0.02)


def test_sign_flips_of_many_equal_differences_are_the_binomial() -> None:
    """Of 10 differences 9 are positive: 2 · (1 + 10) / 1024, as in McNemar's exact test."""
    assert sign_flips([0.5] * 9 + [-0.5]) == pytest.approx(22 / 1024, abs=0.005)
    assert sign_flips([0.0] * 20) == 1.0
    assert sign_flips([0.5, -0.5]) == 1.0


def test_holm_by_hand() -> None:
    """Sorted 0.01, 0.02, 0.03, 0.04: times 4, 3, 2, 1, and never below the one before."""
    assert holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([0.03]) == [0.03]
    assert holm([]) == []
    assert holm([0.9, 0.8]) == [1.0, 1.0]
