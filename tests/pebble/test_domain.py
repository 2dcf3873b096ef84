"""Which prompts pebble is asked: newcomers' first prompts and questions within its domain, with the shipped pebble.

`newcomers.txt` and `in_domain.txt` here were written by hand, as `questions.txt` and `reserve.txt` of the training.
"""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mull.messages import Message
from mull.models.builtin import MODEST
from mull.models.builtin.domain import LONGEST, in_domain
from pebble.evaluate import answer as answer_of
from pebble.evaluate import by_hand, loaded, right

HERE = Path(__file__).parent
TRAINING = HERE.parents[1] / "cli" / "pebble"
ALLOWED = 0.02


def newcomers() -> list[tuple[str, str]]:
    """The prompts, each with `refused` or the words of a right answer."""
    lines = (HERE / "newcomers.txt").read_text(encoding="utf-8").splitlines()
    found = [line.rsplit(" | ", 1) for line in lines if line and not line.startswith("#")]
    return [(prompt.replace("\\n", "\n"), wanted) for prompt, wanted in found]


WITHIN = [
    question
    for path in (HERE / "in_domain.txt", TRAINING / "questions.txt", TRAINING / "reserve.txt")
    for question in by_hand(path)
    if question.task != "modest"
    and not (question.task == "sorting" and re.search("[a-z]{2}", question.expected, re.IGNORECASE))
]  # lists of words are refused: of three words pebble gets every second one wrong


def test_newcomers_prompts_beyond_pebble_are_refused() -> None:
    prompts = newcomers()
    assert len(prompts) >= 120
    wrong = [prompt for prompt, wanted in prompts if in_domain(prompt) and wanted == "refused"]
    assert len(wrong) <= ALLOWED * len(prompts), wrong


def test_questions_within_its_domain_reach_pebble() -> None:
    assert len(WITHIN) >= 300
    refused = [one.messages[0].content for one in WITHIN if not in_domain(one.messages[0].content)]
    assert len(refused) <= ALLOWED * len(WITHIN), refused


def test_what_newcomers_get_from_pebble_is_right_or_modest() -> None:
    model = loaded()
    prompts = newcomers()
    wrong = []
    for prompt, wanted in prompts:
        if in_domain(prompt):
            said = answer_of(model, (Message("user", prompt),), thinking=True).answer
            modest = any(said.startswith(text.rstrip(".")) for text in MODEST)
            if not modest and not all(word.lower() in said.lower() for word in wanted.split(" & ")):
                wrong.append((prompt, said))
    assert len(wrong) <= ALLOWED * len(prompts), wrong


@pytest.mark.slow
def test_what_pebble_takes_it_gets_right() -> None:
    """Of the questions within its domain. The share is below that of its evaluation, which leaves out nothing."""
    model = loaded()
    taken = [one for one in WITHIN if in_domain(one.messages[0].content)]
    wrong = [one for one in taken if not right(one, answer_of(model, one.messages, thinking=True).answer)]
    assert len(wrong) <= 0.04 * len(taken), [one.messages[0].content for one in wrong]


@pytest.mark.parametrize(
    "prompt",
    [
        "which is bigger, 9.11 or 9.9?",
        "What is 123 * 456?",
        "99999 + 1",
        "sort 4 1 7 3 9 2 5",
        "sort 1500, 1200",
        "pear\nfig\nkiwi\nplum\nlime\n\nsort these",
        "spell extraordinary backwards",
        "What is 20 / 4?",
        "x + 5 = 12",
        "3 apples plus 2 oranges",
        "how many letters are in the alphabet?",
        "sort these countries by population: France, Spain",
        "How many people died in World War 2?",
        "In 2020 there were 10 games. How many players were there?",
        "how do I exit vim",
        "Wie viel ist 2 plus 2?",
        "what do you think about the internet",
        "The committee met on Tuesday.\n\nWho signed it?",
        "sort pear, apple, plum",
        "put k, d, w in order",
        "sort k, d, w alphabetically",
        "biggest number out of 9 27 18?",
        "from largest to smallest: 13, 31, 22",
        "5 - 8",
        "What is -5 + 3?",
        "sort -3, 5, -1",
        "2+2=5, right?",
        "total of 55 and 45",
        "reverse hello world",
        "how many capital letters are in HeLLo",
        "Jack has 10 toy cars. He loses 3 and finds 1. How many cars does he have?",
        "Ann has 30 plums, buys 4 and gives 7 to Ben. How many plums does Ann have now?",
    ],
)
def test_what_it_gets_wrong_is_refused(prompt: str) -> None:
    assert not in_domain(prompt)


@pytest.mark.parametrize(
    "prompt",
    [
        "b\na\n\nsort these",
        "b a\n\nsort these",
        "c, a, b\n\nsort these in alphabetical order",
        "12\n7\n\nwhich is the largest?",
        "3\n4\n5\n\nadd these up",
        "banana\n\nspell it backwards",
    ],
)
def test_short_lists_from_a_pipe_are_taken(prompt: str) -> None:
    assert in_domain(prompt)


@pytest.mark.parametrize("prompt", ["and plus 5?", "now backwards", "and the smallest?"])
def test_a_follow_up_needs_a_turn_before_it(prompt: str) -> None:
    assert in_domain(prompt, follows=True)
    assert not in_domain("and in French?", follows=True)


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=LONGEST))
def test_any_text_is_judged(text: str) -> None:
    assert in_domain(text) in {True, False}


def test_a_long_prompt_is_judged_within_a_millisecond() -> None:
    prompts = ["sort " + "a, " * (LONGEST // 3), "1 " * (LONGEST // 2), "how many " * 40, "x" * 10_000_000]
    best = min(_seconds(prompt) for prompt in prompts for _ in range(3))
    assert best < 0.001
    assert sum(_seconds(prompt) for prompt, _ in newcomers()) < 0.001 * len(newcomers())


def _seconds(prompt: str) -> float:
    began = time.process_time()
    in_domain(prompt)
    return time.process_time() - began
