"""Every command that asks a model works with every backend, by `-m NAME`; what one cannot do is refused by name.

To test another backend, add to MODELS a function that makes its model in a folder and returns what `-m` takes. The
model follows the script of `test_contract.py`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.backends import test_contract as contract
from tests.chat.conftest import chat  # noqa: F401 - a fixture
from tests.conftest import Run

ROOT = Path(__file__).parents[2]


def local(folder: Path) -> str:
    return contract.local(folder).location


MODELS: dict[str, Callable[[Path], str]] = {"local": local}


@pytest.fixture(params=MODELS)
def model(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return MODELS[request.param](tmp_path)


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    path = tmp_path / "questions.jsonl"
    path.write_text('{"prompt": "How much?", "answer": 42}\n' * 3)
    return path


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    path = tmp_path / "prompts.jsonl"
    path.write_text('"How much?"\n' * 3)
    return path


def test_ask_and_continue(mull: Run, model: str) -> None:
    for flags in ((), ("-c",)):
        done = mull("-m", model, *flags, "What is it?")
        assert (done.returncode, done.stdout.decode()) == (0, f"{contract.ANSWER}\n")
    result = json.loads(mull("-c", "--no-reason", "--json", "And now?").stdout)  # the session knows its model
    assert (result["answer"], result["error"]) == (contract.PLAIN, None)


def test_batch_and_resume(mull: Run, model: str, prompts: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    for _ in range(2):
        done = mull("batch", prompts, "-m", model, "-o", out)
        assert done.returncode == 0, done.stderr
        assert [json.loads(line)["answer"] for line in out.read_text().splitlines()] == [contract.ANSWER] * 3
    assert b"Every line has its answer already." in done.stderr


def test_eval(mull: Run, model: str, questions: Path) -> None:
    result = json.loads(mull("eval", questions, "-m", model, "--modes", "off", "--json").stdout)
    assert [run["right"] for run in result["runs"]] == [3]


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_chat(chat: Callable[..., Any], model: str) -> None:  # noqa: F811 - the fixture
    with chat(Path(model)) as terminal:
        terminal.say("What is it?")
        terminal.shows(contract.ANSWER)
        terminal.leave()


# A backend that declares nothing, in place of the one for the model.
OTHER = """
import sys
from pathlib import Path
from mull.backends import open as backends
from mull.backends.base import Capabilities
from tests.backends.test_contract import fake

def other(*_, **__):
    made = fake(Path())
    made.capabilities = Capabilities()
    made.load = made.start = made.head_start = lambda *_, **__: print("LOADS", file=sys.stderr) or iter(())
    return made

backends.open_backend = other
from mull.__main__ import main
main()
"""


@pytest.fixture
def other(home: dict[str, str]) -> Run:
    """Run mull with that backend; its model is called "fake"."""
    path = f"{home['PYTHONPATH']}:{ROOT}"

    def run(*words: str | Path) -> subprocess.CompletedProcess[bytes]:
        command = [sys.executable, "-c", OTHER, *map(str, words)]
        environment = {**home, "PYTHONPATH": path, "MULL_MODEL": "pebble"}  # chosen, so it refuses nothing
        return subprocess.run(
            command, input=b"", capture_output=True, env=environment, timeout=60, check=False
        )

    return run


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--schema", "age int", "hi"), "fake cannot constrain its answer to a schema."),
        (("--format", "json", "hi"), "fake cannot constrain its answer to JSON."),
        (("--json", "--logprobs", "1", "hi"), "fake cannot report log probabilities."),
        (("batch", "QUESTIONS", "--schema", "age int"), "fake cannot constrain its answer to a schema."),
        (("batch", "QUESTIONS", "--logprobs", "1"), "fake cannot report log probabilities."),
        (("batch", "QUESTIONS", "--parallel", "2"), "fake cannot answer 2 at a time."),
        (("eval", "QUESTIONS", "--parallel", "2"), "fake cannot answer 2 at a time."),
    ],
)
def test_what_a_backend_cannot_do_is_refused(
    other: Run, questions: Path, words: tuple[str, ...], message: str
) -> None:
    done = other(*(questions if word == "QUESTIONS" else word for word in words))
    assert done.returncode == 2, done.stderr
    assert message in done.stdout.decode() + done.stderr.decode()
    assert b"LOADS" not in done.stderr


def test_a_line_that_a_backend_cannot_answer_is_its_own_error(other: Run, tmp_path: Path) -> None:
    lines = tmp_path / "lines.jsonl"
    lines.write_text('"Hi"\n{"prompt": "Hi", "schema": {"type": "integer"}}\n')
    done = other("batch", lines, "--parallel", "1")
    first, second = map(json.loads, done.stdout.splitlines())
    assert (first["answer"], first["error"]) == (contract.ANSWER, None)
    assert second["error"]["code"] == "not_supported"


def test_results_carry_the_name_of_the_backend(
    other: Run, prompts: Path, questions: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.jsonl"
    for _ in range(2):
        done = other("batch", prompts, "-o", out)
        assert done.returncode == 0, done.stderr
    assert {json.loads(line)["model"] for line in out.read_text().splitlines()} == {"fake"}
    evaluated = json.loads(other("eval", questions, "--modes", "off", "--json").stdout)
    assert (
        evaluated["model"] == "pebble"
    )  # as it was asked for: a run can be resumed, and its models compared
    assert [run["questions"] for run in evaluated["runs"]] == [3]


# A model without a file.
ORACLE = """
from pathlib import Path
from mull.models import resolve, resolved

find = resolve.find

def found(name, chosen_by="flag", *others, **more):
    if name == "oracle":
        return resolved.Resolved(name, Path(name), chosen_by, trusted=False, entry=None, source="other")
    return find(name, chosen_by, *others, **more)

resolve.find = found
from mull.__main__ import main
main()
"""


@pytest.mark.parametrize(
    "words",
    [
        "show oracle",
        "verify oracle",
        "rm oracle",
        "bench -m oracle",
        "bench --tune -m oracle",
        "bench --forget -m oracle",
        "bench --vs oracle",
        "--draft oracle hi",
        "-m oracle hi",
    ],
)
def test_what_needs_a_model_file_names_the_model_without_one(home: dict[str, str], words: str) -> None:
    command = [sys.executable, "-c", ORACLE, *words.split()]
    done = subprocess.run(command, input=b"", capture_output=True, env=home, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"oracle is not a model file." in done.stderr
