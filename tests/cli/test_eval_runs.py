"""Runs of `mull eval`: several models, repeats and turns; resumed runs, and what cannot be resumed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mull.commands._eval_options import EvalFlags
from mull.commands._eval_plan import plan_of
from mull.evaluation import records
from tests.cli.conftest import CHATML
from tests.conftest import Run
from tests.model_files.scripted import write_scripted

QUESTIONS = (
    {"prompt": "As a number?", "answer": 42, "kind": "numbers"},
    {"prompt": "In words?", "answer": "forty-two", "kind": "words"},
    {"turns": ["First?", "Second?", "Third?"], "answer": 42, "id": "turns", "system": "Be brief."},
)


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    path = tmp_path / "questions.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in QUESTIONS))
    return path


def answers(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / records.ANSWERS).read_text().splitlines()]


def test_a_run_leaves_every_answer(mull: Run, thinker: Path, questions: Path, tmp_path: Path) -> None:
    """Three repeats with three seeds; the turns of a question are one conversation."""
    folder = tmp_path / "run"
    done = json.loads(
        mull("eval", questions, "-m", thinker, "--out", folder, "--repeat", 3, "--seed", 5, "--json").stdout
    )
    assert (done["folder"], done["questions"], done["repeats"]) == (str(folder), 3, 3)
    assert [run["questions"] for run in done["runs"]] == [9, 9]
    off = done["runs"][0]
    assert (off["right"], off["kinds"]["numbers"]) == (6, {"questions": 3, "right": 3})
    # Repeats that agree count once: the interval is that of two of three, not of six of nine.
    assert off["interval"][0] < 0.25
    run, found = records.read(folder)
    assert (run.seed, run.repeats, run.file, list(run.modes)) == (5, 3, str(questions), ["off", "on"])
    assert run.models[0].identity["files"][0]["bytes"] == thinker.stat().st_size
    assert run.settings["sampling"][run.models[0].name]["off"]["temperature"] > 0
    assert len(found) == 18
    seeds = {answer.repeat: answer.seed for answer in found}
    assert seeds[0] == 5
    assert len(set(seeds.values())) == 3
    turns = [answer for answer in found if answer.id == "turns"]
    assert {tuple(answer.replies) for answer in turns} == {("42",) * 3, ("Forty-two.",) * 3}
    thought = next(answer for answer in turns if answer.mode == "on")
    assert thought.thinking.count("Let me see.") == 3
    assert all(answer.seconds >= answer.share > 0 for answer in found)
    for shown in done["runs"]:  # the shares of the time add up
        mine = [answer for answer in found if answer.mode == shown["asked"]]
        assert shown["seconds"] == pytest.approx(sum(answer.share for answer in mine), abs=1e-3)
        assert shown["seconds"] <= sum(answer.seconds for answer in mine) + 1e-3


def test_resuming_asks_what_is_missing(mull: Run, thinker: Path, questions: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    whole = json.loads(mull("eval", questions, "-m", thinker, "--out", folder, "--json").stdout)
    path = folder / records.ANSWERS
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:4]) + lines[4][:30])  # killed while it wrote the fifth
    again = json.loads(mull("eval", "--resume", folder, "--json").stdout)
    assert path.read_bytes().startswith(b"".join(lines[:4]))
    assert len(answers(folder)) == 6
    for before, after in zip(whole["runs"], again["runs"], strict=True):
        for same in ("asked", "applied", "how", "questions", "right", "interval", "wrong"):
            assert after[same] == before[same]
    assert again["id"] == whole["id"]
    assert mull("eval", "--resume", folder, "-q").stdout  # nothing is left; the table is shown again


def test_the_last_run_is_resumed_by_default(mull: Run, thinker: Path, questions: Path) -> None:
    first = json.loads(mull("eval", questions, "-m", thinker, "--modes", "on", "--json").stdout)
    assert json.loads(mull("eval", "--resume", "--json").stdout)["id"] == first["id"]
    assert json.loads(mull("eval", "--resume", first["id"], "--json").stdout)["id"] == first["id"]
    done = mull("eval", "--resume", first["id"][:-1])
    assert (done.returncode, done.stdout) == (1, b"")
    assert f"Did you mean {first['id']}?" in done.stderr.decode()


def test_a_run_is_resumed_from_any_folder(
    mull: Run, home: dict[str, str], thinker: Path, questions: Path, tmp_path: Path
) -> None:
    """Its paths were relative: of questions, of models of one name, of the base, of the system prompt."""
    (tmp_path / "brief.txt").write_text("Be brief.")
    for folder in ("a", "b", "c", "elsewhere"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "model.gguf").symlink_to(thinker)
    names = ["--models", "a/model.gguf, ./b/model.gguf", "--against", "c/model.gguf"]
    words = [questions.name, *names, "--system", "@brief.txt", "--modes", "off", "--json"]
    first = json.loads(mull("eval", *words).stdout)
    assert first["models"] == ["a/model.gguf", "b/model.gguf", "c/model.gguf"]
    path = Path(first["folder"], records.ANSWERS)
    path.write_bytes(path.read_bytes()[:-30])
    command = [sys.executable, "-m", "mull", "eval", "--resume", "--json", "--card", "card.md"]
    resumed = subprocess.run(
        command, cwd=tmp_path / "elsewhere", env=home, capture_output=True, timeout=60, check=True
    )
    again = json.loads(resumed.stdout)
    assert (again["id"], again["models"]) == (first["id"], first["models"])
    assert len(answers(path.parent)) == 9
    card = (tmp_path / "elsewhere" / "card.md").read_text()
    assert str(tmp_path) not in card
    assert "--models model.gguf,model.gguf --against model.gguf" in card
    assert "--system @brief.txt" in card


def test_a_run_without_an_answer_leaves_nothing_to_resume(
    mull: Run, home: dict[str, str], questions: Path, tmp_path: Path
) -> None:
    """Its model cannot be loaded. A folder that was there stays, with what is in it."""
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF")
    own = tmp_path / "own"
    own.mkdir()
    (own / "notes.txt").write_text("mine")
    for out in ([], ["--out", tmp_path / "new"], ["--out", own]):
        done = mull("eval", questions, "-m", broken, *out)
        assert (done.returncode, done.stdout) == (1, b"")
    assert not (tmp_path / "new").exists()
    assert [path.name for path in own.iterdir()] == ["notes.txt"]
    done = mull("eval", "--resume")
    assert done.returncode == 1
    assert b"There is no run to resume." in done.stderr


def test_what_would_change_answers_is_refused(
    mull: Run, thinker: Path, questions: Path, tmp_path: Path
) -> None:
    """Flags, questions that have changed since, a run of another version of mull."""
    folder = tmp_path / "run"
    mull("eval", questions, "-m", thinker, "--out", folder, "--modes", "on")
    for flags in (("--modes", "low"), ("--temp", "0"), ("--repeat", "2"), ("-m", "x")):
        done = mull("eval", "--resume", folder, *flags)
        assert (done.returncode, done.stdout) == (2, b"")
        assert b"--resume asks what the run was started with" in done.stderr
    questions.write_text(questions.read_text().replace("42", "43"))
    done = mull("eval", "--resume", folder)
    assert done.returncode == 1
    assert b"The questions of questions.jsonl have changed since the run began." in done.stderr
    path = folder / records.RUN
    path.write_text(json.dumps(json.loads(path.read_text()) | {"v": 99}))
    done = mull("eval", "--resume", folder)
    assert done.returncode == 1
    assert b"another version of mull (format 99" in done.stderr


def test_another_file_of_the_same_name_is_not_resumed(mull: Run, questions: Path, tmp_path: Path) -> None:
    model, folder = tmp_path / "model.gguf", tmp_path / "run"
    write_scripted(model, ["42"], template=CHATML)
    mull("eval", questions, "-m", model, "--out", folder)
    (folder / records.ANSWERS).write_bytes(b"")
    write_scripted(model, ["43", "!"], template=CHATML)
    done = mull("eval", "--resume", folder)
    assert done.returncode == 1
    assert b"has changed since the run began" in done.stderr


def test_several_models_are_compared(mull: Run, thinker: Path, questions: Path, tmp_path: Path) -> None:
    plain = write_scripted(tmp_path / "plain.gguf", ["No"], template=CHATML)
    words = ("eval", questions, "--models", f"{thinker},{plain}", "--modes", "off")
    shown = mull(*words)
    done = json.loads(mull("eval", "--resume", "--json").stdout)
    assert done["model"] is None
    assert [(run["model"], run["right"]) for run in done["runs"]] == list(
        zip(done["models"], [2, 0], strict=True)
    )
    (compared,) = done["comparisons"]
    assert (compared["difference"], compared["real"]) == (-0.6667, False)
    assert [line.split("\t")[2] for line in shown.stdout.decode().splitlines()] == ["2/3", "0/3"]
    assert b"no difference that chance does not explain" in shown.stderr


def test_one_model_that_fails_leaves_the_others(
    mull: Run, thinker: Path, questions: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(thinker.read_bytes()[:-100_000])
    done = mull("eval", questions, "--models", f"{broken},{thinker}", "--modes", "off")
    assert done.returncode == 1
    assert done.stdout.decode().split("\t")[2] == "2/3"
    assert b"broken" in done.stderr


def test_a_limit_is_spread_over_the_questions() -> None:
    plan = plan_of(None, EvalFlags(limit=4))
    assert len(plan.questions) == 4
    assert len({one.kind for one in plan.questions.values()}) == 4  # the forty have ten of each kind


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("questions.jsonl", "--suite", "arithmetic"), "FILE and --suite exclude each other."),
        (("--suite", "aritmetic"), "Did you mean arithmetic?"),
        (("-m", "pebble", "--models", "pebble"), "-m and --models exclude each other."),
        (("--models", "pebble,pebble"), "--models names pebble twice."),
        (("--modes", "of"), '--modes takes default, on, off, low, medium, high; not "of".'),
    ],
)
def test_wrong_usage(mull: Run, questions: Path, words: tuple[str, ...], says: str) -> None:
    done = mull("eval", *words)
    assert (done.returncode, done.stdout) == (2, b"")
    assert says in " ".join(done.stderr.decode().split())


def test_a_folder_is_checked_before_a_question_is_asked(
    mull: Run, thinker: Path, questions: Path, tmp_path: Path
) -> None:
    words = ("eval", questions, "-m", thinker, "--modes", "on", "--out")
    done = mull(*words, questions / "run")
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"cannot be written" in done.stderr
    assert mull(*words, tmp_path / "run").returncode == 0
    done = mull(*words, tmp_path / "run")
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"has a run already" in done.stderr


def test_a_model_that_loops_and_one_that_says_nothing(mull: Run, questions: Path, tmp_path: Path) -> None:
    loops = write_scripted(tmp_path / "loops.gguf", [" and", " so", " on"], template=CHATML, end=False)
    silent = write_scripted(tmp_path / "silent.gguf", [" "], template=CHATML)
    for model, unfinished in ((loops, 3), (silent, 0)):
        done = mull("eval", questions, "-m", model, "--max-tokens", 600, "--modes", "off", "--json")
        (run,) = json.loads(done.stdout)["runs"]
        assert (run["right"], run["questions"], run["unfinished"]) == (0, 3, unfinished)
        assert run["tokens_per_right"] is None


def test_answers_in_other_scripts_are_shown_as_they_are(mull: Run, questions: Path, tmp_path: Path) -> None:
    model = write_scripted(tmp_path / "other.gguf", ["四十二", " ٤٢", "\u202e"], template=CHATML)
    done = mull("eval", questions, "-m", model, "--modes", "off", "--wrong")
    assert "四十二 ٤٢" in done.stdout.decode()
    assert done.returncode == 0


def test_a_resumed_run_prints_what_this_call_asks_for(mull: Run, thinker: Path, questions: Path) -> None:
    """Not in the form of the call that began it."""
    first = mull("eval", questions, "-m", thinker, "--modes", "off", "--json", "-q", "--wrong")
    assert first.stdout.startswith(b"{")
    again = mull("eval", "--resume")
    assert again.stdout.startswith(b"off\t2/3\t")
    assert b"wrong" not in again.stdout
    assert mull("eval", "--resume", "--json").stdout.startswith(b"{")
