"""pebble's training data: deterministic for a seed, and labelled correctly."""

from __future__ import annotations

import re
from random import Random

import pytest

from pebble import chats, steps, tasks_letters, tasks_lists, tasks_mull, words
from pebble.wording import as_read, say


@pytest.mark.parametrize("task", list(chats.TASKS))
def test_a_seed_determines_the_turns(task: str) -> None:
    draw = chats.TASKS[task][1]
    first, second = ([draw(rng) for _ in range(50)] for rng in (Random(3), Random(3)))
    assert first == second


@pytest.mark.parametrize("task", list(chats.TASKS))
def test_every_slot_and_bracket_is_expanded(task: str) -> None:
    rng = Random(11)
    for _ in range(400):
        turn = chats.TASKS[task][1](rng)
        assert turn.question.strip()
        assert turn.thinking
        assert turn.answer
        assert not re.search(r"\{\w+\}|\|", turn.question), turn


def test_every_arithmetic_step_is_correct() -> None:
    rng = Random(5)
    for _ in range(500):
        a, b = rng.randint(0, 9999), rng.randint(0, 9999)
        assert steps.add(a, b)[1] == a + b
        assert steps.subtract(a, b)[1] == a - b
        assert steps.multiply(a, b % 100)[1] == a * (b % 100)
        for left, right, carry, total in re.findall(r"(\d)\+(\d)\+(\d)=(\d+)", steps.add(a, b)[0]):
            assert int(left) + int(right) + int(carry) == int(total)
        for left, factor, carry, total in re.findall(r"(\d)\*(\d)\+(\d)=(\d+)", steps.multiply(a, b % 10)[0]):
            assert int(left) * int(factor) + int(carry) == int(total)


@pytest.mark.parametrize(
    "task", ["addition", "subtraction", "multiplication", "chain", "division", "stories"]
)
def test_the_expression_and_the_last_step_have_the_value_of_the_answer(task: str) -> None:
    rng = Random(8)
    for _ in range(600):
        turn = chats.TASKS[task][1](rng)
        expression = next(line for line in turn.thinking.split("\n")[1:] if "~" not in line)
        value = eval(re.sub(r"(^|\D)0+(\d)", r"\1\2", expression).replace("/", "//"))
        assert str(value) == turn.answer.split(",")[0], turn
        if "/" not in expression:
            assert int(re.split("[>=]", turn.thinking)[-1]) == abs(value), turn


@pytest.mark.parametrize("task", ["addition", "subtraction", "multiplication"])
def test_the_numbers_of_the_expression_are_those_of_the_question(task: str) -> None:
    rng = Random(6)
    seen = 0
    for _ in range(500):
        turn = chats.TASKS[task][1](rng)
        asked = re.findall(r"\d+", re.sub(r"(\d),(\d{3})(?!\d)", r"\1\2", turn.question))
        if len(asked) == 2 and not re.search(r"[\^²]", turn.question):
            seen += 1
            assert sorted(asked) == sorted(re.findall(r"\d+", turn.thinking.split("\n")[1])), turn
    assert seen > 200


def test_numbers_are_read_from_left_to_right() -> None:
    assert as_read("add Seventeen to 7", [(7, "7"), (17, "seventeen")]) == [17, 7]
    assert as_read("27 and 7", [(7, "7"), (27, "27")]) == [27, 7]


def test_letters_are_counted_correctly() -> None:
    rng = Random(9)
    for _ in range(300):
        word = words.any_word(rng)
        letter = rng.choice(word)
        text, count = steps.count_letters(word, letter)
        assert count == word.count(letter)
        assert re.sub(r"\d", "", text.partition(":")[2]) == word
        assert steps.backwards(word)[1] == word[::-1]


def test_each_line_of_sorting_inserts_one_number() -> None:
    text, ordered = steps.sort_numbers([34, 7, 912], descending=False)
    assert text.split("\n") == ["034>034", "007>007,034", "912>007,034,912"]
    assert ordered == [7, 34, 912]
    assert steps.sort_numbers([34, 7, 912], descending=True)[0].endswith("912>912,034,007")


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


def test_held_out_words_are_not_in_the_training() -> None:
    assert not set(words.HELD_OUT) & set(words.ENGLISH)


def test_a_pattern_is_expanded() -> None:
    assert say("[a|a] {x}", Random(1), x=3) == "a 3"
    with pytest.raises(ValueError, match="unbalanced"):
        say("a] b", Random(1))
