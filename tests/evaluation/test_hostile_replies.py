"""Long replies that are made to be slow or to break a judge: each gets a verdict, and soon.

The time limit of the tests is far above what any of them needs, and below what quadratic time takes.
"""

from __future__ import annotations

import json

import pytest

from mull.evaluation.judge import judge
from mull.evaluation.questions import EvalQuestion, parse_questions
from tests.evaluation.test_constraint_rules import CASES

SIZE = 250_000  # characters


def filled(piece: str, tail: str = "") -> str:
    return piece * (SIZE // len(piece)) + tail


REPLIES = {
    "letters": filled("a"),
    "digits": filled("9"),
    "commas between digits": filled("1,11"),
    "spaced groups": filled("100 ", "x"),
    "spaces": filled(" ", "."),
    "blank lines": filled("\n", "x"),
    "blank lines with spaces": filled(" \n", "x"),
    "open brackets": filled("("),
    "open braces": filled("{"),
    "nested lists": filled("[") + filled("]"),
    "nested objects": '{"a":' * 40_000 + "1" + "}" * 40_000,
    "underscores": "a" + filled("_", "b"),
    "asterisks": filled("*", "a"),
    "backslashes": filled("\\"),
    "open boxes": filled("\\boxed{"),
    "fractions": filled("\\frac{1}{"),
    "markers": filled("answer "),
    "answers": filled("The answer is "),
    "corrections": filled("Wait, no, "),
    "sentences": filled("A. "),
    "initials": filled("A."),
    "question marks": filled("?"),
    "choices": filled("A or B "),
    "yes and no": filled("yes no "),
    "not": filled("not "),
    "or": filled("Paris or "),
    "number words": filled("one hundred "),
    "hundreds": "one " + filled("hundred "),
    "fences": filled("```\n"),
    "bullets": filled("- a\n"),
    "pipes": filled("| "),
    "quotation marks": filled('"'),
    "titles": filled("<<a"),
    "times": filled("9:30 "),
    "half pairs": '"\\ud800"' + filled(" "),
    "zeros": "\0" * 1000,
    "combining characters": filled("e\u0301"),
    "emoji": filled("🙂"),
}

_SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}}
QUESTIONS: dict[str, dict[str, object]] = {
    "number": {"prompt": "?", "answer": 42},
    "numbers": {"prompt": "?", "answer": "4, 5"},
    "time": {"prompt": "?", "answer": "9:31 pm"},
    "date": {"prompt": "?", "answer": "2024-03-05"},
    "words": {"prompt": "?", "answer": ["Lisbon", "the old town"]},
    "letters": {"prompt": "?", "judge": "choice", "choices": ["A", "B", "C"], "answer": "C"},
    "choice": {"prompt": "?", "judge": "choice", "choices": ["yes", "no"], "answer": "yes"},
    "json": {"prompt": "?", "judge": "json", "schema": _SCHEMA, "answer": {"a": 1}},
}


def question(name: str) -> EvalQuestion:
    return parse_questions(json.dumps(QUESTIONS[name]), "x")[0]


@pytest.mark.parametrize("reply", REPLIES)
def test_a_hostile_reply_is_judged(reply: str) -> None:
    for name in QUESTIONS:
        verdict = judge(question(name), REPLIES[reply])
        assert verdict.right in {True, False}
        assert len(verdict.reason) < 300


@pytest.mark.parametrize("reply", REPLIES)
def test_a_hostile_reply_breaks_no_constraint_rule(reply: str) -> None:
    text = REPLIES[reply][:40_000]
    for name, (value, _, _) in CASES.items():
        given = [{"rule": name} if value is None else {"rule": name, "value": value}]
        line = json.dumps({"prompt": "?", "judge": "constraints", "constraints": given})
        assert judge(parse_questions(line, "x")[0], text).right in {True, False}


def test_a_long_reply_keeps_no_constraints() -> None:
    line = {"prompt": "?", "judge": "constraints", "constraints": [{"rule": "words_at_least", "value": 1}]}
    verdict = judge(parse_questions(json.dumps(line), "x")[0], REPLIES["sentences"])
    assert (verdict.right, verdict.reason) == (False, "the answer has more than 200,000 characters")
