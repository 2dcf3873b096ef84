"""`mull eval`: the counts for a model whose answers are known, and errors for invalid question files."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mull.evaluation import records
from tests.cli.conftest import CHATML
from tests.conftest import Run
from tests.model_files.scripted import write_scripted
from tests.terminal.harness import Terminal
from tests.waiting import wait_for


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    """With thinking the model says "Forty-two.", without "42"."""
    path = tmp_path / "questions.jsonl"
    lines = [
        {"prompt": "In words?", "answer": "forty-two", "kind": "words"},
        {
            "prompt": "As a number?",
            "answer": "42",
            "kind": "numbers",
            "judge": "choice",
            "choices": ["42", "43"],
        },
        {"prompt": "Either?", "answer": [42, "Forty-two"], "kind": "words"},
    ]
    path.write_text("".join(json.dumps(line) + "\n\n" for line in lines))
    return path


def test_the_same_questions_with_and_without_thinking(mull: Run, thinker: Path, questions: Path) -> None:
    done = json.loads(mull("eval", questions, "-m", thinker, "--json").stdout)
    assert (done["v"], done["questions"]) == (1, 3)
    off, on = done["runs"]
    assert (off["asked"], off["applied"], off["right"], off["accuracy"]) == ("off", "off", 2, 0.6667)
    assert (on["asked"], on["applied"], on["right"]) == ("on", "on", 2)
    assert off["tokens"]["thinking"] == 0 < on["tokens"]["thinking"]
    assert off["kinds"] == {
        "words": {"questions": 2, "right": 1},
        "numbers": {"questions": 1, "right": 1},
    }
    (wrong,) = on["wrong"]
    assert (wrong["suite"], wrong["id"], wrong["repeat"]) == ("questions.jsonl", "line-3", 0)
    assert (wrong["prompt"], wrong["expected"], wrong["answer"]) == ("As a number?", ["42"], "Forty-two.")
    assert off["suites"] == {"questions.jsonl": {"questions": 3, "right": 2, "interval": off["interval"]}}
    assert off["tokens_per_right"] == off["tokens"]["answer"] / 2
    (compared,) = done["comparisons"]
    assert (compared["a"]["asked"], compared["b"]["asked"]) == ("off", "on")
    assert (compared["test"], compared["real"], compared["questions"]) == ("exact McNemar", False, 3)
    assert "safety" not in done  # none of the questions is about it


def test_in_a_pipe_the_table_is_plain(mull: Run, thinker: Path, questions: Path) -> None:
    done = mull("eval", questions, "-m", thinker, "--modes", "on", "--wrong", "-q")
    row, wrong = done.stdout.decode().splitlines()
    assert row.split("\t")[:3] == ["on", "2/3", "67%"]
    assert wrong == "on: As a number? → Forty-two.; expected 42"
    assert done.stderr == b""


def test_pebble_is_better_with_thinking(mull: Run) -> None:
    off, on = json.loads(mull("eval", "--limit", 20, "--json", timeout=120).stdout)["runs"]
    assert on["right"] > off["right"] + 5
    assert sum(kind["questions"] for kind in on["kinds"].values()) == 20


def test_a_model_without_thinking_is_evaluated_once(mull: Run, tmp_path: Path, questions: Path) -> None:
    base = write_scripted(tmp_path / "base.gguf", ["42"])
    done = mull("eval", questions, "-m", base)
    assert len(done.stdout.splitlines()) == 1
    assert b"has no thinking mode, so it was asked once" in done.stderr


def test_questions_without_an_answer_are_a_failure(mull: Run, thinker: Path, tmp_path: Path) -> None:
    """One of two is too long for the context."""
    questions = tmp_path / "questions.jsonl"
    long = {"prompt": "word " * 5000, "answer": 1}
    questions.write_text("".join(json.dumps(line) + "\n" for line in ({"prompt": "x", "answer": 42}, long)))
    words = ("eval", questions, "-m", thinker, "--ctx", "512", "--modes", "off")
    done = mull(*words, "--json")
    found = json.loads(done.stdout)
    assert (done.returncode, found["finish"], found["error"]["code"]) == (1, "error", "context_overflow")
    assert [(run["questions"], run["right"], run["failed"]) for run in found["runs"]] == [(2, 1, 1)]
    done = mull(*words)
    assert done.returncode == 1
    assert b"1 of 2 got no answer: The prompt has" in done.stderr
    assert done.stdout.split(b"\t")[1] == b"1/2"


def test_a_model_that_answers_nothing_is_not_one_that_cannot_think(
    mull: Run, thinker: Path, tmp_path: Path
) -> None:
    questions = tmp_path / "questions.jsonl"
    questions.write_text(json.dumps({"prompt": "word " * 5000, "answer": 1}) + "\n")
    done = mull("eval", questions, "-m", thinker, "--ctx", "512")
    assert done.returncode == 1
    assert b"1 of 1 got no answer" in done.stderr
    assert b"no thinking mode" not in done.stderr


@pytest.fixture(scope="session")
def long_thinker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Answers "42" at once without thinking; with thinking it does not end for a long time."""
    return write_scripted(
        tmp_path_factory.mktemp("models") / "long.gguf",
        ["<think>", *(f" thought{number}" for number in range(1500)), "</think>", "42"],
        starts={"\n\n": ["42"]},
        template=CHATML,
        user_defined=["<think>", "</think>"],
        n_ctx=32768,
        width=2048,
    )


def wait_for_answers(run: Path, count: int) -> None:
    """Wait until a run has recorded `count` answers."""
    answers = run / records.ANSWERS
    wait_for(lambda: answers.exists() and len(answers.read_bytes().splitlines()) >= count, f"{count} answers")


@pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")
@pytest.mark.parametrize(
    ("modes", "finished", "says", "number"),
    [
        ("off,on", 3, "Stopped after 3 of 6 questions.", signal.SIGINT),
        ("on", 0, "Stopped after 0 of 3 questions.", signal.SIGTERM),
    ],
)
def test_stopped_it_shows_what_it_has(
    home: dict[str, str],
    long_thinker: Path,
    questions: Path,
    tmp_path: Path,
    modes: str,
    finished: int,
    says: str,
    number: signal.Signals,
) -> None:
    run = tmp_path / "run"
    words = ["eval", str(questions), "-m", str(long_thinker), "--modes", modes, "--out", str(run)]
    with Terminal([sys.executable, "-m", "mull", *words], environ=home) as terminal:
        terminal.wait("0/3")
        wait_for_answers(run, finished)
        terminal.process.send_signal(number)
        assert terminal.exit() == -number
        assert terminal.lines[-1] == says
        assert ("THINKING" in terminal.text) == bool(finished)
        assert ("1/3" in terminal.text or "2/3" in terminal.text) == bool(finished)


@pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")
def test_stopped_the_json_has_what_there_is(
    home: dict[str, str], long_thinker: Path, questions: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    words = ["eval", str(questions), "-m", str(long_thinker), "--json", "--out", str(run)]
    process = subprocess.Popen(
        [sys.executable, "-m", "mull", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=home
    )
    wait_for_answers(run, 3)
    process.send_signal(signal.SIGINT)
    out, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (-signal.SIGINT, b"")
    done = json.loads(out)
    assert (done["finish"], done["questions"]) == ("interrupted", 3)
    assert [(run["asked"], run["questions"], run["right"]) for run in done["runs"]] == [("off", 3, 2)]
