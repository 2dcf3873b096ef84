"""The suites of the package: enough items of every level, no near-duplicates, and answers that a program finds too.

`checks.json` has an expression for each item that can be computed, evaluated with the solvers of `solvers.py`; the
answers in the suites were written by hand. `solutions.py` has a solution of each programming question.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from fractions import Fraction
from itertools import combinations, permutations, product
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import mull
from mull.evaluation.judge import judge
from mull.evaluation.suites import read_suite
from tests.evaluation import solutions, solvers

FOLDER = Path(mull.__file__).parent / "data" / "suites"
SUITES = ("arithmetic", "words", "logic", "reading", "instructions", "extraction", "code", "knowledge")
COMPUTED = ("arithmetic", "words", "logic")
CHECKS: dict[str, str] = json.loads(Path(__file__).with_name("checks.json").read_text(encoding="utf-8"))
MOST_SHARED = 0.6  # of the words of two prompts together
MOST_BYTES = 60_000
SERIES = (solvers.DAYS, ("north", "east", "south", "west"))  # that a prompt need not name


def lines(suite: str) -> list[dict[str, Any]]:
    text = (FOLDER / f"{suite}.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def prompt(item: dict[str, Any]) -> str:
    return " ".join(item.get("turns", [item.get("prompt", "")]))


def words(item: dict[str, Any]) -> set[str]:
    return set(re.findall(r"\w+", prompt(item).casefold()))


ITEMS = [item for suite in SUITES for item in lines(suite)]


@pytest.mark.parametrize("suite", SUITES)
def test_a_suite_has_sixty_to_150_items_of_every_level_and_stays_small(suite: str) -> None:
    items = lines(suite)
    assert 60 <= len(items) <= 150
    assert [item["id"] for item in items] == [f"{suite}-{number:03}" for number in range(1, len(items) + 1)]
    levels = Counter(item["level"] for item in items)
    assert set(levels) == {1, 2, 3}
    assert min(levels.values()) >= len(items) / 6
    assert len({item["kind"] for item in items}) >= 6
    assert (FOLDER / f"{suite}.jsonl").stat().st_size < MOST_BYTES


@pytest.mark.parametrize("suite", SUITES)
def test_the_first_items_are_of_several_kinds_and_levels(suite: str) -> None:
    """`--limit` takes them."""
    first = lines(suite)[:20]
    assert len({item["kind"] for item in first}) >= 5
    assert {item["level"] for item in first} == {1, 2, 3}


def test_no_two_prompts_are_nearly_the_same() -> None:
    found = [(item["id"], words(item)) for item in ITEMS]
    shared = {
        (one, other): len(first & second) / len(first | second)
        for (one, first), (other, second) in combinations(found, 2)
    }
    assert not {pair: share for pair, share in shared.items() if share > MOST_SHARED}


def computed(expression: str) -> Any:
    known = {**vars(solvers), **vars(math), "Fraction": Fraction}
    known |= {"combinations": combinations, "permutations": permutations, "product": product}
    return eval(expression, known)


def test_every_item_that_can_be_computed_has_a_check() -> None:
    assert set(CHECKS) == {item["id"] for suite in COMPUTED for item in lines(suite)}


@pytest.mark.parametrize(
    "item", [item for suite in COMPUTED for item in lines(suite)], ids=lambda item: item["id"]
)
def test_the_answer_is_what_a_program_computes(item: dict[str, Any]) -> None:
    found, answer = computed(CHECKS[item["id"]]), item["answer"]
    if isinstance(found, str):
        assert answer == found
    else:
        assert Fraction(str(answer)) == Fraction(found)


@pytest.mark.parametrize("item", lines("code"), ids=lambda item: item["entry"])
def test_a_solution_passes_the_tests_of_its_question(item: dict[str, Any]) -> None:
    assert f"`{item['entry']}(" in item["prompt"]
    assert len(item["tests"]) >= 2
    for given, expected in item["tests"]:
        found = getattr(solutions, item["entry"])(*given)
        assert found == expected
        assert type(found) is type(expected) or {type(found), type(expected)} == {int, float}


def test_every_solution_belongs_to_one_question() -> None:
    names = [item["entry"] for item in lines("code")]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("item", lines("extraction"), ids=lambda item: item["id"])
def test_the_expected_json_fits_its_schema_and_its_text(item: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator.check_schema(item["schema"])
    jsonschema.validate(item["answer"], item["schema"])
    for name in item["schema"]["properties"]:
        assert f'"{name}"' in item["prompt"]


@pytest.mark.parametrize(
    "item", [one for one in ITEMS if one.get("judge") == "choice"], ids=lambda item: item["id"]
)
def test_the_answer_is_one_of_the_choices_and_the_prompt_names_them(item: dict[str, Any]) -> None:
    assert item["answer"] in item["choices"]
    assert len(item["choices"]) == len(set(item["choices"]))
    known = prompt(item).casefold()
    if not any(set(item["choices"]) <= set(series) for series in SERIES):
        assert all(choice.casefold() in known for choice in item["choices"])


def test_the_solvers_refuse_a_puzzle_with_two_answers() -> None:
    with pytest.raises(ValueError, match="too many"):
        solvers.only(solvers.at(order, 1) for order in solvers.orders("A B", lambda _: True))
    assert solvers.follows("A a b", "A b c", conclusion="A a c") == "yes"
    assert solvers.follows("A a b", "A c b", conclusion="A a c") == "no"
    assert solvers.island("A B", lambda w: {"A": w["A"] == w["B"]}, of="B") == "knight"


@pytest.mark.parametrize("suite", ["arithmetic", "words", "logic", "reading", "extraction", "knowledge"])
def test_the_expected_answer_is_judged_right_in_its_usual_forms(suite: str) -> None:
    forms = ("{}", "**{}**", "The answer is {}.", "Let me think about it.\n\nFinal answer: {}")
    for question in read_suite(suite).questions:
        if question.judge == "json":
            assert judge(question, json.dumps(question.value)).right
            continue
        for answer, form in product(question.answers, forms):
            assert judge(question, form.format(answer)).right, (question.id, form, answer)
        assert not judge(question, "I don't know.").right
