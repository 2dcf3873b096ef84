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


@pytest.mark.parametrize(
    ("prompt", "answer", "said", "right"),
    [
        ("In which year did it end?", "1945", "It ended in 1945, on May 8 in Europe.", True),
        ("In which year did it end?", "8", "It ended in 1945, on May 8 in Europe.", False),
        ("On which day of May?", "8", "On May 8.", True),
        ("How many legs has a spider?", "8", "Spiders have eight legs (four pairs).", True),
        ("How many legs has a spider?", "8", "It has 8 legs, unlike insects, which have 6.", True),
        ("How many legs has a spider?", "6", "It has 8 legs, unlike insects, which have 6.", False),
        ("What is the pH of water?", "7", "It is 7 at 25 °C.", True),
        ("At which temperature?", "25", "At 25 °C.", True),
        ("How many faces has it?", "12", "It has 12 faces, 20 vertices and 30 edges.", True),
        ("How many faces has it?", "30", "It has 12 faces, 20 vertices and 30 edges.", False),
        ("How many apples has he?", "7", "He had 12 apples, gave 5 away and has 7 left.", True),
        ("How many apples has he?", "12", "He had 12 apples, gave 5 away and has 7 left.", False),
        ("How many chambers has it?", "4", "It has four chambers: two atria and two ventricles.", True),
        ("What is water?", "H2O", "H<sub>2</sub>O", True),
    ],
)
def test_which_number_of_a_sentence_answers_the_question(
    prompt: str, answer: str, said: str, right: bool
) -> None:
    assert judge(EvalQuestion(prompt, (answer,)), said).right is right
