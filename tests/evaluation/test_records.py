"""The folder of a run: what was written is read back, and what is damaged is an error that says where."""

from __future__ import annotations

import json
from dataclasses import replace
from io import FileIO
from pathlib import Path

import pytest

from mull.errors import MullError
from mull.evaluation import records
from mull.evaluation.records import AnswerRecord, ModelRecord, RunRecord

RUN = RunRecord(
    id="2026-11-30-0603-k3f9",
    started=1_796_000_000.0,
    command=["eval", "--suite", "arithmetic"],
    suites={"arithmetic": "ab" * 32},
    modes=["off", "on"],
    repeats=2,
    seed=7,
    limit=None,
    parallel=4,
    settings={"temperature": 0.6},
    models=[ModelRecord("pebble", "pebble", {"files": []}, 8192, "MIT", None, True)],
    machine={"cpu": "a CPU", "cores": 2},
    versions={"mull": "0.1.0"},
)
ANSWER = AnswerRecord(
    suite="arithmetic",
    id="arithmetic-001",
    model="pebble",
    mode="on",
    repeat=1,
    applied="on",
    answer="It is 93\u2028.",
    thinking="36 + 57 = 93",
    replies=[],
    right=True,
    reason="it says 93",
    label="",
    finish="stop",
    error=None,
    prompt_tokens=20,
    thinking_tokens=9,
    answer_tokens=4,
    seconds=0.5,
    seed=7,
    share=0.25,
)


def written(folder: Path, *answers: AnswerRecord) -> Path:
    records.write_run(folder, RUN)
    with FileIO(folder / records.ANSWERS, "ab") as file:
        for answer in answers:
            records.append(file, answer)
    return folder


def test_a_run_is_read_back(tmp_path: Path) -> None:
    unclear = replace(
        ANSWER, repeat=0, right=None, label="unclear", error="context_overflow", replies=["a", "b"]
    )
    folder = written(tmp_path / "new" / "run", ANSWER, unclear)
    assert records.read(folder) == (RUN, [ANSWER, unclear])


def test_a_run_without_answers_is_a_run(tmp_path: Path) -> None:
    records.write_run(tmp_path, RUN)
    assert records.read(tmp_path) == (RUN, [])


def test_a_last_line_that_was_cut_is_left_out(tmp_path: Path) -> None:
    path = written(tmp_path, ANSWER, replace(ANSWER, repeat=2)) / records.ANSWERS
    whole = path.read_bytes()
    for length in (len(whole) - 2, len(whole) // 2 + 1):
        path.write_bytes(whole[:length])
        assert records.read(tmp_path)[1] == [ANSWER]
    with records.open_answers(tmp_path) as file:  # and is removed before more is appended
        records.append(file, replace(ANSWER, repeat=3))
    assert records.read(tmp_path)[1] == [ANSWER, replace(ANSWER, repeat=3)]


def test_of_a_question_that_was_asked_again_the_last_answer_counts(tmp_path: Path) -> None:
    failed, other = replace(ANSWER, error="server_busy", right=None), replace(ANSWER, repeat=2)
    assert records.read(written(tmp_path, failed, other, ANSWER))[1] == [other, ANSWER]


def test_one_process_writes_a_run(tmp_path: Path) -> None:
    written(tmp_path)
    with records.open_answers(tmp_path), pytest.raises(MullError) as caught:
        records.open_answers(tmp_path)
    assert caught.value.code == "file_in_use"


def test_a_damaged_line_is_an_error_with_its_number(tmp_path: Path) -> None:
    path = written(tmp_path, ANSWER) / records.ANSWERS
    path.write_bytes(path.read_bytes() + b"{}\n" + path.read_bytes())
    with pytest.raises(MullError, match=r"answers\.jsonl cannot be read: line 2 is not an answer") as caught:
        records.read(tmp_path)
    assert caught.value.code == "eval_run_unreadable"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"models": [1]}, "it is not an object"),
        ({"models": 1}, "its models is not valid"),
        ({"seed": True}, "its seed is not valid"),
        ({"limit": "all"}, "its limit is not valid"),
    ],
)
def test_a_damaged_description_is_an_error(tmp_path: Path, change: dict[str, object], says: str) -> None:
    path = written(tmp_path) / records.RUN
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(MullError, match=says):
        records.read(tmp_path)


def test_a_run_of_another_version_is_named_so(tmp_path: Path) -> None:
    path = written(tmp_path) / records.RUN
    path.write_text(json.dumps({"v": 2}))
    with pytest.raises(MullError, match="format 2; this one reads 1") as caught:
        records.read(tmp_path)
    assert caught.value.code == "eval_run_version"


def test_a_field_that_a_later_version_adds_is_ignored(tmp_path: Path) -> None:
    path = written(tmp_path) / records.RUN
    path.write_text(json.dumps(json.loads(path.read_text()) | {"weather": "fine"}))
    assert records.read(tmp_path)[0] == RUN


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(MullError) as caught:
        records.write_run(tmp_path / "file" / "run", RUN)
    assert caught.value.code == "write_failed"


def test_identifiers_sort_by_time_and_differ() -> None:
    found = {records.new_id() for _ in range(50)}
    assert len(found) > 45
    assert all(one.count("-") == 4 for one in found)
