"""The suites by name: all of them are questions, and an unknown name is an error with a suggestion."""

from __future__ import annotations

import hashlib

import pytest

from mull.errors import UsageError
from mull.evaluation import suites


@pytest.mark.parametrize("name", [*suites.names(), suites.FORTY])
def test_every_suite_can_be_read(name: str) -> None:
    suite = suites.read_suite(name)
    assert suite.name == name
    assert suite.questions
    assert suite.path is None


def test_the_digest_is_that_of_the_file() -> None:
    name = suites.names()[0]
    data = (suites.FOLDER / f"{name}.jsonl").read_bytes()
    assert suites.read_suite(name).digest == hashlib.sha256(data).hexdigest()


def test_all_is_every_suite_and_each_is_asked_once() -> None:
    assert suites.chosen("all") == suites.names()
    assert suites.chosen("arithmetic, all,arithmetic") == suites.names()


@pytest.mark.parametrize(("word", "hint"), [("aritmetic", "Did you mean arithmetic?"), ("xyz", "There are")])
def test_an_unknown_suite_is_named(word: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        suites.chosen(f"arithmetic,{word}")
    assert caught.value.code == "unknown_suite"
    assert caught.value.message == f'There is no suite "{word}".'
    assert caught.value.hint.startswith(hint)
