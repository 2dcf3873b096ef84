"""The input of a question: arguments, piped text and files, how they are joined, and the errors."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.cli.saved import last_turn
from tests.conftest import Run


def test_a_file_goes_before_the_question_under_its_name(mull: Run, thinker: Path, tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("first\n")
    (tmp_path / "b.txt").write_text("second\n")
    done = mull("-m", thinker, "-f", "notes/a.txt", "--file", "b.txt", "compare", stdin=b"piped\n")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"Forty-two.\n", b"")
    turn = last_turn(mull)
    assert turn["question"] == "piped\n\ncompare"
    assert [(file["name"], file["text"]) for file in turn["files"]] == [
        ("notes/a.txt", "first\n"),
        ("b.txt", "second\n"),
    ]


@pytest.mark.parametrize("question", ["    def area(self):\n        return 1", "\t\u3000x\u200d", "\u00a0/x"])
def test_a_question_keeps_its_indentation(mull: Run, thinker: Path, question: str) -> None:
    assert mull("-m", thinker, question).stdout == b"Forty-two.\n"
    assert last_turn(mull)["question"] == question


def test_files_alone_are_a_question(mull: Run, thinker: Path, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("what is it?")
    assert mull("-m", thinker, "-f", "a.txt").stdout == b"Forty-two.\n"
    sessions = json.loads(mull("sessions", "list", "--json").stdout)["sessions"]
    assert sessions[0]["title"] == "a.txt"


def test_a_dash_attaches_standard_input_as_a_file(mull: Run, thinker: Path) -> None:
    mull("-m", thinker, "-f", "-", "explain", stdin=b"log line\n")
    turn = last_turn(mull)
    assert (turn["question"], turn["files"][0]["text"]) == ("explain", "log line\n")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_named_pipe_is_read_to_its_end(mull: Run, thinker: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=("through the pipe",))
    writer.start()
    done = mull("-m", thinker, "-f", "pipe", "hi")
    writer.join()
    assert done.returncode == 0
    assert last_turn(mull)["files"][0]["text"] == "through the pipe"


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("gone.txt", None, b"No such file: gone.txt"),
        ("a.bin", b"\x7fELF\x02\x01\0\0\0", b"a.bin is not a text file."),
        ("noise", bytes(range(128, 256)) * 4, b"noise is not a text file."),
    ],
)
def test_a_file_that_is_not_text_is_an_error_with_its_name(
    mull: Run, thinker: Path, tmp_path: Path, name: str, content: bytes | None, says: bytes
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    done = mull("-m", thinker, "-f", name, "hi")
    assert (done.returncode, done.stdout) == (1, b"")
    assert says in done.stderr
    assert b"Traceback" not in done.stderr


def test_text_in_another_encoding_is_read_with_a_notice(mull: Run, thinker: Path, tmp_path: Path) -> None:
    (tmp_path / "latin.txt").write_bytes("Ein Café am Fluß, geöffnet täglich".encode("latin-1"))
    done = mull("-m", thinker, "-f", "latin.txt", "hi")
    assert done.returncode == 0
    assert b"were not UTF-8 and were replaced" in done.stderr


def test_binary_input_is_an_error(mull: Run, thinker: Path) -> None:
    done = mull("-m", thinker, "hi", stdin=bytes(range(256)) * 8)
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"The input is not text." in done.stderr


def test_a_hundred_megabytes_of_input_are_an_error_and_not_saved(mull: Run, home: dict[str, str]) -> None:
    """It is not tokenized either, and not read beyond what any context holds: the writer gets a closed pipe."""
    command = [sys.executable, "-m", "mull", "hi"]
    with subprocess.Popen(
        command, env=home, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        block = b"word " * 200_000
        written = 0
        try:
            for _ in range(100):
                written += process.stdin.write(block)
            process.stdin.close()
        except BrokenPipeError:
            pass
        assert process.wait(60) == 1
        assert b"far more than fits into a context" in process.stderr.read()
    assert written < 100_000_000
    some = mull("-m", "pebble", "hi", stdin=b"word " * 2_000_000)
    assert some.returncode == 1
    assert b"The prompt has at least" in some.stderr
    assert json.loads(mull("sessions", "list", "--json").stdout)["sessions"] == []


def test_a_nul_in_the_input_is_an_ordinary_character(mull: Run) -> None:
    done = mull("-m", "pebble", "--no-reason", stdin=b"what is 2\0+ 2?")
    assert done.returncode == 0
    assert b"Traceback" not in done.stderr


def test_a_missing_prompt_creates_no_session(mull: Run, thinker: Path) -> None:
    assert mull("-m", thinker, "--session", "fix", stdin=b"\n").returncode == 2
    assert json.loads(mull("sessions", "list", "--json").stdout)["sessions"] == []


def test_a_missing_model_is_reported_before_the_input_ends(home: dict[str, str]) -> None:
    command = [sys.executable, "-m", "mull", "-m", "./gone.gguf", "hi"]
    with subprocess.Popen(command, env=home, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.wait(30) == 1  # its stdin is still open
        assert process.stderr is not None
        assert b"gone.gguf" in process.stderr.read()
