"""The training data of pebble: drawn the same from the same seed, and labelled rightly."""

from __future__ import annotations

import re
from random import Random

import pytest

from pebble import chats, steps, tasks_letters, tasks_lists, tasks_mull, tasks_numbers, words
from pebble.wording import say


@pytest.mark.parametrize("task", list(chats.TASKS))
def test_a_seed_gives_the_same_turns(task: str) -> None:
    draw = chats.TASKS[task][1]
    first, second = ([draw(rng) for _ in range(50)] for rng in (Random(3), Random(3)))
    assert first == second


@pytest.mark.parametrize("task", list(chats.TASKS))
def test_no_slot_and_no_bracket_is_left(task: str) -> None:
    rng = Random(11)
    for _ in range(400):
        turn = chats.TASKS[task][1](rng)
        assert turn.question.strip()
        assert turn.thinking
        assert turn.answer
        assert not re.search(r"\{\w+\}|\|", turn.question), turn


def test_every_step_of_the_arithmetic_is_true() -> None:
    rng = Random(5)
    for _ in range(500):
        a, b = rng.randint(0, 9999), rng.randint(0, 9999)
        for text, value in (steps.add(a, b), steps.subtract(a, b), steps.multiply(a, b % 100)):
            assert text.endswith(f"={value}")
        assert steps.add(a, b)[1] == a + b
        assert steps.subtract(a, b)[1] == a - b
        assert steps.multiply(a, b % 100)[1] == a * (b % 100)
        for left, right, carry, total in re.findall(
            r"(\d)\+(\d)\+(\d)=(\d+)", steps.add(a, b)[0].split("=" + str(a + b))[0]
        ):
            assert int(left) + int(right) + int(carry) == int(total)
        for left, factor, carry, total in re.findall(
            r"(\d)\*(\d)\+(\d)=(\d+)", steps.multiply(a, b % 10)[0].rpartition("=")[0]
        ):
            assert int(left) * int(factor) + int(carry) == int(total)


def test_sums_in_digits_have_the_answer_of_their_question() -> None:
    rng = Random(8)
    seen = 0
    for _ in range(500):
        turn = tasks_numbers.addition(rng)
        numbers = [
            int(n)
            for n in re.findall(
                r"\d+",
                turn.question.replace(",", "") if re.search(r"\d,\d{3}", turn.question) else turn.question,
            )
        ]
        if len(numbers) == 2:
            seen += 1
            assert sum(numbers) == int(turn.answer), turn
    assert seen > 200


def test_letters_are_counted_rightly() -> None:
    rng = Random(9)
    for _ in range(300):
        word = words.any_word(rng)
        letter = rng.choice(word)
        text, count = steps.count_letters(word, letter)
        assert count == word.count(letter)
        assert re.sub(r"\d", "", text.partition(":")[2]) == word
        assert steps.backwards(word)[1] == word[::-1]


def test_sorted_answers_are_sorted_and_complete() -> None:
    rng = Random(10)
    for _ in range(300):
        turn = tasks_lists.sorting(rng)
        numbers = [int(n) for n in re.findall(r"\d+", turn.answer)]
        assert numbers in (sorted(numbers), sorted(numbers, reverse=True))
        assert sorted(numbers) == sorted(int(n) for n in re.findall(r"\d+", turn.question))
        turn = tasks_letters.word_sorting(rng)
        answer = [word.lower() for word in re.findall(r"\w+", turn.answer)]
        assert answer in (sorted(answer), sorted(answer, reverse=True))


def test_a_model_name_is_copied_into_the_answer() -> None:
    rng = Random(12)
    asked = [tasks_mull.fact(rng) for _ in range(3000)]
    pulls = [
        turn for turn in asked if turn.answer.startswith("Run `mull pull ") and "NAME" not in turn.answer
    ]
    assert pulls
    for turn in pulls:
        name = turn.answer.removeprefix("Run `mull pull ").split("`")[0]
        assert name.lower() in turn.question.lower()


def test_the_words_of_the_evaluation_are_not_trained_on() -> None:
    assert not set(words.HELD_OUT) & set(words.ENGLISH)


def test_a_pattern_is_expanded() -> None:
    assert say("[a|a] {x}", Random(1), x=3) == "a 3"
    with pytest.raises(ValueError, match="unbalanced"):
        say("a] b", Random(1))
