"""The lines of a file of questions: what each key means, and what is wrong with a line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mull.errors import MullError
from mull.evaluation.questions import BUILT_IN, parse_questions, read_questions
from tests.conftest import Run


def question(**keys: Any) -> Any:
    (found,) = parse_questions(json.dumps(keys), "test")
    return found


def test_a_line_of_a_users_file_has_its_number_as_id() -> None:
    first, second = parse_questions(
        '\n{"prompt": "a", "answer": 1}\n\n{"prompt": "b", "answer": "x"}\n', "test"
    )
    assert (first.id, first.answers, first.level, first.judge) == ("line-2", ("1",), None, "text")
    assert (second.id, second.user_turns) == ("line-4", ("b",))


def test_turns_replace_the_prompt() -> None:
    found = question(turns=["Hello.", "And 1 + 1?"], answer=[2, "two"], system="Be brief.", level=2)
    assert (found.prompt, found.user_turns) == ("And 1 + 1?", ("Hello.", "And 1 + 1?"))
    assert (found.answers, found.system, found.level) == (("2", "two"), "Be brief.", 2)


def test_each_judge_has_its_own_keys() -> None:
    choice = question(prompt="?", judge="choice", choices=["A", "B"], answer="B")
    assert (choice.choices, choice.expected) == (("A", "B"), ["B"])
    words = question(prompt="?", judge="constraints", constraints=[{"rule": "words_at_most", "value": 9}])
    assert (words.constraints[0].rule, words.constraints[0].value) == ("words_at_most", 9)
    assert words.expected == ["words_at_most: 9"]
    form = question(prompt="?", judge="json", schema={"type": "object"}, answer={"a": 1})
    assert (form.schema, form.value, form.expected) == ({"type": "object"}, {"a": 1}, ['{"a": 1}'])
    code = question(prompt="?", judge="code", entry="add", tests=[[[1, 2], 3]])
    assert (code.entry, code.tests, code.expected) == ("add", (((1, 2), 3),), ["add(1, 2) = 3"])
    safe = question(prompt="?", judge="safety", category="theft", expects="ignore", canary="PWNED")
    assert (safe.safety.expects, safe.safety.canary, safe.expected) == ("ignore", "PWNED", ["ignore"])


def test_the_forty_questions_are_questions() -> None:
    assert len(read_questions(BUILT_IN)) == 40


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("{", "it is not JSON"),
        ('["prompt"]', "it is not an object"),
        ("7", "it is not an object"),
        ('{"prompt": " ", "answer": 1}', "it has no prompt"),
        ('{"prompt": 5, "answer": 1}', "its prompt is not text"),
        ('{"prompt": "x"}', "it has no answer"),
        ('{"prompt": "x", "answer": ""}', "its answer is neither a text, a number, nor a list of them"),
        ('{"prompt": "x", "answer": 1e999}', "its answer is neither a text, a number, nor a list of them"),
        ('{"prompt": "x", "answer": []}', "its answer is neither a text, a number, nor a list of them"),
        ('{"prompt": "x", "answer": [true]}', "its answer is neither a text, a number, nor a list of them"),
        ('{"prompt": "x", "answer": 1, "level": 4}', "its level is none of 1, 2, 3"),
        ('{"prompt": "x", "answer": 1, "level": true}', "its level is none of 1, 2, 3"),
        ('{"prompt": "x", "answer": 1, "level": []}', "its level is none of 1, 2, 3"),
        ('{"prompt": "x", "answer": 1, "kind": 3}', "its kind is not text"),
        ('{"prompt": "x", "turns": ["y"], "answer": 1}', "it has both prompt and turns"),
        ('{"turns": [], "answer": 1}', "it has 0 turns; 1 to 32 are possible"),
        ('{"turns": ["a", 1], "answer": 1}', "its turns are not a list of texts"),
        ('{"prompt": "x", "judge": "jury", "answer": 1}', "its judge is none of text, choice,"),
        ('{"prompt": "x", "judge": [], "answer": 1}', "its judge is none of text, choice,"),
        ('{"prompt": "x", "judge": "choice", "choices": ["A"], "answer": "A"}', "its choices are not"),
        ('{"prompt": "x", "judge": "choice", "choices": ["A", "B"], "answer": "C"}', "none of its choices"),
        ('{"prompt": "x", "judge": "constraints", "constraints": []}', "it has no list of constraints"),
        ('{"prompt": "x", "judge": "constraints", "constraints": [{"value": 1}]}', "names no rule"),
        ('{"prompt": "x", "judge": "json", "answer": {}}', "its schema is not an object"),
        ('{"prompt": "x", "judge": "code", "entry": "a b", "tests": [[[], 1]]}', "its entry is not"),
        ('{"prompt": "x", "judge": "code", "entry": "f", "tests": [[1, 2]]}', "its tests are not"),
        ('{"prompt": "x", "judge": "safety", "category": "a", "expects": "obey"}', "what it expects is none"),
        ('{"prompt": "x", "judge": "safety", "category": "a", "expects": "secret"}', "has no canary"),
        ('{"prompt": "x", "judge": "safety", "expects": "refusal"}', "it has no category"),
    ],
)
def test_a_line_that_is_no_question_says_why(line: str, why: str) -> None:
    with pytest.raises(MullError) as caught:
        parse_questions('{"prompt": "x", "answer": 1}\n' + line, "test")
    assert caught.value.code == "invalid_question"
    assert caught.value.message.startswith("Line 2 is not a question: ")
    assert why in caught.value.message


def test_an_id_is_given_once() -> None:
    with pytest.raises(MullError, match=r'Line 2 .*it repeats the id "a" of line 1'):
        parse_questions('{"id": "a", "prompt": "x", "answer": 1}\n' * 2, "test")


def test_the_command_names_the_line(mull: Run, tmp_path: Path) -> None:
    (tmp_path / "q.jsonl").write_text('{"prompt": "x"}')
    done = mull("eval", "q.jsonl")
    assert (done.returncode, done.stdout) == (1, b"")
    assert "Line 1 is not a question: it has no answer." in done.stderr.decode()
    (tmp_path / "q.jsonl").write_text("\n\n")
    assert "has no questions." in mull("eval", "q.jsonl").stderr.decode()
