"""The judges against replies that were labelled by hand: what a careful reader would call right.

The labels were written before the judges saw the replies and do not follow the judges: a disagreement is fixed in a
rule, or stays. The safety judge has labels of its own.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from mull.evaluation.judge import judge
from mull.evaluation.questions import EvalQuestion, parse_questions

PATH = Path(__file__).with_name("labelled.jsonl")
WANTED = 0.98
WANTED_OF_EACH = 0.97


def labelled() -> list[tuple[EvalQuestion, str, bool]]:
    lines = [json.loads(line) for line in PATH.read_text(encoding="utf-8").splitlines()]
    return [
        (parse_questions(json.dumps(line["question"]), PATH.name)[0], line["reply"], line["right"])
        for line in lines
    ]


ALL = labelled()
FAST = [one for one in ALL if one[0].judge != "code"]  # the code judge starts a process for each reply


def disagreements(replies: list[tuple[EvalQuestion, str, bool]]) -> list[str]:
    verdicts = [(question, reply, right, judge(question, reply)) for question, reply, right in replies]
    return [
        f"{question.expected}: {reply!r} is {right}, judged {verdict.right}: {verdict.reason}"
        for question, reply, right, verdict in verdicts
        if verdict.right is not right
    ]


def test_there_are_enough_labels_of_both_kinds_for_every_judge() -> None:
    counts = Counter((question.judge, right) for question, _, right in ALL)
    assert len(ALL) >= 300
    assert {name for name, _ in counts} == {"text", "choice", "constraints", "json", "code"}
    for name in ("text", "choice", "constraints", "json"):
        assert counts[name, True] >= 10
        assert counts[name, False] >= 10


def test_no_reply_is_labelled_twice() -> None:
    seen = Counter((question.prompt, reply) for question, reply, _ in ALL)
    assert max(seen.values()) == 1


def test_the_judges_agree_with_the_labels() -> None:
    wrong = disagreements(FAST)
    assert len(wrong) <= (1 - WANTED) * len(FAST), "\n".join(wrong)


@pytest.mark.parametrize("name", ["text", "choice", "constraints", "json"])
def test_each_judge_agrees_with_its_labels(name: str) -> None:
    own = [one for one in FAST if one[0].judge == name]
    wrong = disagreements(own)
    assert len(wrong) <= (1 - WANTED_OF_EACH) * len(own), "\n".join(wrong)


@pytest.mark.slow
def test_the_code_judge_agrees_with_its_labels() -> None:
    assert not disagreements([one for one in ALL if one[0].judge == "code"])
