"""What people use a small model for: a question, a summary, data out of a text; and an answer that never ends."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise

import jsonschema
import pytest

from mull.backends.base import ChatBackend
from mull.settings import DEFAULT_SAMPLING
from tests.conftest import Run
from tests.real.questions import ask

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

TEXT = """\
The old lighthouse on the northern cliff was built in 1872 to warn ships of the rocks below. For
almost a century a keeper lived in it with his family and lit the lamp every evening. In 1969 the
lamp was replaced by an electric one that works without a keeper, and the last family moved to the
village. The building stood empty for thirty years. Then a group of neighbours collected money,
repaired the roof and the stairs, and opened a small museum. Today some ten thousand people visit
the lighthouse every year, climb its 142 steps and look out over the sea. In the evening the lamp is
still lit.
"""
PEOPLE = "Ann Miller is 34 years old and lives in Leeds. She works as a nurse and likes chess and hiking."
SCHEMAS = {
    "short form": "name, age int, hobbies[]",
    "an object": json.dumps(
        {
            "type": "object",
            "properties": {
                "name": {"type": "string", "maxLength": 40},
                "age": {"type": "integer", "minimum": 0, "maximum": 150},
                "job": {"enum": ["nurse", "teacher", "cook"]},
            },
            "required": ["name", "age", "job"],
            "additionalProperties": False,
        }
    ),
    "a list": json.dumps(
        {"type": "array", "items": {"type": "string", "maxLength": 20}, "minItems": 2, "maxItems": 3}
    ),
}


def test_a_question_on_the_command_line(smol: Run) -> None:
    done = smol("What is the capital of Germany?")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"The capital of Germany is Berlin.\n", b"")


def test_a_summary_is_shorter_and_is_about_the_text(smol: Run) -> None:
    done = smol("--max-tokens", "120", "Summarize this text in two sentences.", stdin=TEXT.encode())
    summary = done.stdout.decode().strip()
    assert done.returncode == 0, done.stderr
    assert "lighthouse" in summary
    assert 40 < len(summary) < len(TEXT)
    assert "<|im_" not in summary, "a token of the template"
    assert "Summarize this text" not in summary, "the question again"


@pytest.mark.parametrize("name", SCHEMAS)
def test_an_answer_fits_its_schema(smol: Run, name: str) -> None:
    """What is right in it is another matter: `mull` promises the form."""
    done = smol(
        "--schema",
        SCHEMAS[name],
        "--max-tokens",
        "150",
        "Who is this? Answer in JSON.",
        stdin=PEOPLE.encode(),
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    if name == "short form":
        assert (type(found["name"]), type(found["age"]), type(found["hobbies"])) == (str, int, list)
        assert "Ann" in found["name"]
    else:
        jsonschema.validate(found, json.loads(SCHEMAS[name]))


LOOPING = (
    "What is the capital of France?",
    "What is the capital of Italy?",
    "Write a very long story about a dog.",
)


def test_an_answer_that_repeats_itself_is_stopped(smol: Run) -> None:
    """Greedy, this model loops on each of these; on another CPU one of them may end well."""
    for question in LOOPING:
        done = smol("--json", question)
        result = json.loads(done.stdout)
        if result["finish"] == "loop":
            break
        assert (done.returncode, result["finish"]) == (0, "stop")
    assert (done.returncode, result["finish"]) == (3, "loop")
    answer = result["answer"]
    assert answer.find(answer[-100:]) < len(answer) - 100, "its end occurs earlier too"


def test_a_seed_gives_the_same_answer_again_and_others_give_others(backend: ChatBackend) -> None:
    def answer(seed: int) -> str:
        return ask(
            backend, "Write a line of a poem.", sampling=replace(DEFAULT_SAMPLING, seed=seed), max_tokens=12
        ).answer

    first = [answer(seed) for seed in range(6)]
    assert first == [answer(seed) for seed in range(6)]
    assert sum(a != b for a, b in pairwise(first)) >= 3, first
