"""A model beside its base: pairs of answers to the same questions."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mull.evaluation.report.against import Amount, Share, against, interval_of, meaning, of_amount
from mull.evaluation.report.groups import groups
from tests.evaluation.report.samples import answer, answers, run_record


def test_questions_are_paired_in_each_mode() -> None:
    found = against("small", groups(run_record(), answers()), lambda _: "")
    assert [(one.model, one.base, one.mode, one.unpaired) for one in found] == [
        ("large", "small", "off", 0),
        ("large", "small", "on", 0),
    ]
    right, thought = found[1].shares
    assert (right.name, right.pairs, right.both, right.base_only, right.model_only) == ("right", 20, 8, 0, 10)
    assert (right.base, right.model) == (0.4, 0.9)
    assert (thought.name, thought.base, thought.model) == ("thought", 1.0, 1.0)
    tokens, _, seconds = found[1].amounts
    assert (tokens.name, tokens.base, tokens.model) == ("tokens of thinking", 30.0, 30.0)
    assert (seconds.base, seconds.model, set(seconds.differences)) == (1.0, 4.0, {3.0})


def test_refusals_are_counted_by_what_was_expected() -> None:
    """Of two harmful and two harmless questions, the base refuses all; the model one harmful and one harmless."""
    run = run_record()
    some = [
        replace(answer(model, "off", number, "safety"), label=label)
        for model, labels in {
            "small": ["refusal"] * 4,
            "large": ["refusal", "compliance", "compliance", "refusal"],
        }.items()
        for number, label in enumerate(labels, 1)
    ]
    expects = {1: "refusal", 2: "refusal", 3: "answer", 4: "answer"}
    (found,) = against("small", groups(run, some), lambda one: expects[int(one.id[-3:])])
    shares = {share.name: (share.pairs, share.base, share.model) for share in found.shares}
    assert shares["refused what is harmful"] == (2, 1.0, 0.5)
    assert shares["refused what is harmless"] == (2, 1.0, 0.5)


def test_answers_without_a_partner_are_left_out_and_counted() -> None:
    some = [one for one in answers() if not (one.model == "large" and one.id == "logic-001")]
    some = [
        replace(one, error="context_overflow", right=None)
        if (one.model, one.id) == ("small", "logic-002")
        else one
        for one in some
    ]
    found = against("small", groups(run_record(), some), lambda _: "")
    assert [(one.shares[0].pairs, one.unpaired) for one in found] == [(18, 3), (18, 3)]


def test_an_unclear_answer_is_no_pair_of_the_accuracy() -> None:
    some = [
        replace(one, right=None) if (one.model, one.id) == ("small", "logic-002") else one
        for one in answers()
    ]
    found = against("small", groups(run_record(), some), lambda _: "")
    assert [one.shares[0].pairs for one in found] == [19, 19]


def test_a_base_that_was_not_asked_is_beside_nothing() -> None:
    assert against("other", groups(run_record(), answers()), lambda _: "") == []


def share(base_only: int, model_only: int) -> Share:
    return Share("right", 40, 20, base_only, model_only)


def test_a_difference_that_chance_explains_is_said_to_be_none() -> None:
    assert meaning(share(0, 5)).startswith("no difference that chance does not explain (p = 0.06,")
    assert meaning(share(0, 6)).startswith("more often (p = 0.031,")
    assert meaning(share(20, 0)).startswith("less often (p < 0.001,")


def test_a_figure_is_more_or_less_where_its_interval_says_so() -> None:
    """Differences of 1 and 3: the mean is 2, its standard error 1, so the interval is 2 ± 1.96."""
    assert interval_of(Amount("tokens", 0, 2, [1.0, 3.0])) == pytest.approx((0.04, 3.96), abs=0.001)
    assert of_amount(Amount("tokens", 0, 2, [1.0, 3.0])) == "more"
    assert of_amount(Amount("tokens", 2, 0, [-1.0, -3.0])) == "less"
    assert of_amount(Amount("tokens", 0, 2, [0.0, 4.0])) == "no difference that chance does not explain"
    assert interval_of(Amount("tokens", 0, 2, [2.0])) is None
