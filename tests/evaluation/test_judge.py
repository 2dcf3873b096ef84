"""The judges, by the name that a question gives them."""

from __future__ import annotations

import pytest

from mull.evaluation.judge import judge
from mull.evaluation.questions import EvalQuestion


@pytest.mark.parametrize(
    ("answer", "said", "right"),
    [
        ("85", "47 + 38 = **85**.", True),
        ("85", "Not 84 but 85. No, 86", False),
        ("7023", "It is 7,023.", True),
        ("3.5", "3.50", True),
        ("-3", "−3", True),
        ("9, 41, 72", "Sorted: 9 41 72.", True),
        ("9, 41", "9, 41, 72", False),
        ("nretnal", "Backwards it is:\n`nretnal`", True),
        ("Paris", "The capital is Paris.", True),
        ("Paris", "Paris is large.\nThe capital is Lyon.", False),
        ("no", "I do not know", False),
        ("4", "", False),
    ],
)
def test_which_texts_and_numbers_are_right(answer: str, said: str, right: bool) -> None:
    verdict = judge(EvalQuestion("?", (answer,)), said)
    assert verdict.right is right
    assert verdict.reason
