"""`mull bench --trace`: the stages of a real question add up to its time, and a trace file holds them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from mull.bench.stages import STAGES, timeline
from mull.fs.trace import event
from tests.conftest import Run
from tests.model_files.random_model import SLOW, cached
from tests.waiting import wait_for, wait_until_busy

QUICK = ("bench", "--trace", "-m", "pebble", "--tokens", "8")
LOADING = {"library check", "memory plan", "header and vocabulary", "weights", "chat template"}


def spans(file: Path) -> list[dict[str, Any]]:
    return [one for one in json.loads(file.read_text())["traceEvents"] if one["ph"] == "X"]


def test_the_stages_add_up_to_the_whole(mull: Run) -> None:
    done = mull(*QUICK, "--json")
    found = json.loads(done.stdout)
    assert (done.returncode, found["v"], found["model"], found["error"]) == (0, 1, "pebble", None)
    assert found["tokens"] == 8
    assert 0 < found["first_token"] < found["seconds"]
    assert set(found["stages"]) <= set(STAGES)
    assert {"start", "imports", "settings", "prompt", "decoding", "end"} <= set(found["stages"])
    assert sum(found["stages"].values()) == pytest.approx(found["seconds"])
    assert {part["name"] for part in found["parts"] if part["thread"] == "load"} >= LOADING
    assert all(0 <= part["begin"] <= found["seconds"] for part in found["parts"])


def test_the_file_is_a_chrome_trace(mull: Run, tmp_path: Path) -> None:
    file = tmp_path / "trace.json"
    done = mull(*QUICK, file)
    assert done.returncode == 0
    assert str(file) in done.stderr.decode()
    every = json.loads(file.read_text())["traceEvents"]
    names = {one["tid"]: one["args"]["name"] for one in every if one["ph"] == "M"}
    found = spans(file)
    assert {names[one["tid"]] for one in found} >= {"MainThread", "load"}
    assert all(one["ts"] >= 0 and one["dur"] >= 0 and isinstance(one["pid"], int) for one in found)
    assert {one["name"] for one in found} >= {"start", "prompt", "first token", "decoding", "end", *LOADING}
    rows = [line.split("\t") for line in done.stdout.decode().splitlines()]
    assert all(len(row) == 3 and row[2].endswith(" s") for row in rows)


def test_a_failed_load_is_traced_too(mull: Run, tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + bytes(64))
    done = mull("bench", "--trace", "-m", broken, tmp_path / "trace.json")
    assert done.returncode == 1
    assert done.stderr.decode().count("Error: ") == 1
    assert {"start", "end", "load", "library check"} <= {
        one["name"] for one in spans(tmp_path / "trace.json")
    }
    found = json.loads(mull("bench", "--trace", "-m", broken, "--json").stdout)
    assert (found["finish"], found["tokens"], found["first_token"]) == ("error", 0, None)
    assert found["error"]["message"]
    assert sum(found["stages"].values()) == pytest.approx(found["seconds"])


@pytest.mark.parametrize("name", ["missing/trace.json", "."])
def test_a_file_that_cannot_be_written_is_found_before_the_question(mull: Run, name: str) -> None:
    done = mull(*QUICK, name)
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"cannot be written" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [("trace.json",), ("--trace", "--depth", "64"), ("--trace", "--rounds", "3"), ("--trace", "--tune")],
)
def test_what_a_trace_does_not_measure_is_refused(mull: Run, arguments: tuple[str, ...]) -> None:
    done = mull("bench", *arguments)
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"--trace" in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT to send")
def test_a_stopped_answer_is_an_interruption(home: Mapping[str, str]) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "mull", *QUICK[:2], "-m", cached(SLOW), "--tokens", "30000", "--json"],
        stdout=subprocess.PIPE,
        env={**home, "MULL_LOOP_GUARD": "false"},
        start_new_session=True,
    )
    wait_until_busy(process.pid, 4)  # it decodes by then, for minutes
    os.killpg(process.pid, signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGINT
    assert json.loads(out)["finish"] == "interrupted"


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT to send")
def test_an_interrupted_question_shows_what_there_is(home: Mapping[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-m", "mull", *QUICK[:-1], "100000", "--json"],
        stdout=subprocess.PIPE,
        env={**home, "TMPDIR": str(folder)},
        start_new_session=True,
    )
    wait_for(Path(home["MULL_STATE_DIR"], "llama.log").exists, "the load in the traced process")
    os.killpg(process.pid, signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGINT
    found = json.loads(out)
    assert (found["finish"], found["error"]) == ("interrupted", None)
    assert sum(found["stages"].values()) == pytest.approx(found["seconds"])
    assert not list(folder.glob("mull-trace-*"))


def test_any_command_writes_a_trace_where_the_variable_says_so(mull: Run, tmp_path: Path) -> None:
    file = tmp_path / "ask.json"
    assert mull("ask", "-m", "pebble", "What is 2 + 3?", env={"MULL_TRACE": str(file)}).returncode == 0
    assert "decoding" in {one["name"] for one in spans(file)}
    done = mull("version", env={"MULL_TRACE": str(tmp_path)})
    assert done.returncode == 0
    assert b"cannot be written" in done.stderr


def test_a_moment_counts_for_the_innermost_span_of_the_main_thread() -> None:
    def at(name: str, begin: float, end: float, thread: int = 1) -> dict[str, Any]:
        return event(name, 7, thread, int(begin * 1e9), int(end * 1e9))

    threads = {1: "MainThread", 2: "load"}
    names = [
        {"ph": "M", "name": "thread_name", "pid": 7, "tid": number, "args": {"name": name}}
        for number, name in threads.items()
    ]
    found = timeline(
        [
            *names,
            at("process", 11, 11),
            at("import a", 12, 14),
            at("load", 14, 18),
            at("import b", 15, 16),
            at("prompt", 18, 20),
            at("context", 18, 19),
            at("first token", 20, 21),
            at("weights", 13, 17, 2),
            at("process", 23, 23),
        ],
        10e6,
        25e6,
    )
    seconds = {part.name: part.seconds for part in found.stages}
    expected = {"start": 1, "imports": 3, "load": 3, "prompt": 2, "first token": 1, "other": 3, "end": 2}
    assert seconds == pytest.approx(expected)
    assert (found.seconds, found.first_token) == (15, 11)
    assert [(part.thread, part.name, part.seconds) for part in found.parts] == [
        ("load", "weights", 4),
        ("MainThread", "context", 1),
    ]


def test_a_process_that_is_kept_does_not_trace(mull: Run, thinker: Path, tmp_path: Path) -> None:
    file = tmp_path / "ask.json"
    traced = {"MULL_TRACE": str(file), "MULL_KEEP_ALIVE": "60"}
    try:
        assert mull("ask", "-m", thinker, "what is it?", env=traced).returncode == 0
        names = {one["name"] for one in spans(file)}
        assert "decoding" in names
        assert "weights" not in names  # another process loaded them
        file.unlink()
    finally:
        assert mull("stop").returncode == 0
    assert not file.exists()
