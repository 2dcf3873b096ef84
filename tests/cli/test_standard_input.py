"""Standard input as a shell can hand it over: unreadable, non-blocking, slow; and the keys while it is a pipe."""

from __future__ import annotations

import fcntl
import json
import os
import select
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import Run
from tests.waiting import wait_for

if sys.platform == "win32":
    pytest.skip("needs POSIX descriptors", allow_module_level=True)

from tests.terminal.harness import Terminal

F_SETPIPE_SZ = 1031  # of Linux; Python 3.11 on other systems has none


@contextmanager
def unreadable(kind: str) -> Iterator[int]:
    """A descriptor as stdin that cannot be read: what nohup makes of it, or a pipe's end for writing."""
    if kind == "null":
        descriptor = os.open(os.devnull, os.O_WRONLY)
    else:
        other, descriptor = os.pipe()
    try:
        yield descriptor
    finally:
        os.close(descriptor)
        if kind == "pipe":
            os.close(other)


def run(home: dict[str, str], stdin: int, *words: str | Path) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "mull", *map(str, words)],
        stdin=stdin,
        capture_output=True,
        env=home,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("kind", ["null", "pipe"])
def test_a_question_needs_no_standard_input(home: dict[str, str], thinker: Path, kind: str) -> None:
    with unreadable(kind) as stdin:
        done = run(home, stdin, "-m", thinker, "--no-save", "hi")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"Forty-two.\n", b"")


def test_a_closed_standard_input_is_an_empty_one(home: dict[str, str], thinker: Path) -> None:
    words = [sys.executable, "-m", "mull", "-m", thinker, "--no-save", "hi"]
    done = subprocess.run(
        ["/bin/sh", "-c", '"$@" <&-', "sh", *words], env=home, capture_output=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"Forty-two.\n", b"")


@pytest.mark.parametrize(
    "words",
    [
        ("--no-save", "-", "hi"),
        ("--no-save", "-f", "-", "hi"),
        ("batch", "-"),
        ("sessions", "import", "-"),
        ("inspect", "MODEL", "--parse"),
    ],
)
def test_what_is_asked_for_and_cannot_be_read_is_named(
    home: dict[str, str], thinker: Path, words: tuple[str, ...]
) -> None:
    model = [] if words[0] in {"sessions", "inspect"} else ["-m", thinker]
    with unreadable("null") as stdin:
        done = run(home, stdin, *(thinker if word == "MODEL" else word for word in words), *model)
    assert done.returncode == 1
    assert done.stderr.startswith(b"Error: stdin cannot be read: it is closed, or open for writing only.\n")


@pytest.mark.parametrize("words", [("hi",), ("batch", "-q", "-")])
def test_a_pipe_that_does_not_block_is_waited_for(
    home: dict[str, str], thinker: Path, words: tuple[str, ...]
) -> None:
    """Its mode belongs to the pipe, so another process may have set it."""
    read, write = os.pipe()
    os.set_blocking(read, False)
    process = subprocess.Popen(
        [sys.executable, "-m", "mull", *words, "-m", thinker, *(["--json"] if words == ("hi",) else [])],
        stdin=read,
        stdout=subprocess.PIPE,
        env=home,
    )
    assert process.stdout is not None
    os.close(read)
    if words == ("hi",):
        os.write(write, b"a question that comes in ")
        os.write(write, b"two parts")
        os.close(write)
        assert json.loads(process.stdout.read())["usage"]["prompt"] > 20
    else:  # a line, its result, the next line: between them there is nothing to read
        os.write(write, b'{"id": "a", "prompt": "one"}\n')
        assert json.loads(process.stdout.readline())["id"] == "a"
        os.write(write, b'{"id": "b", "prompt": "two"}')
        os.close(write)
        assert json.loads(process.stdout.readline())["id"] == "b"
    assert process.wait(60) == 0
    process.stdout.close()


def test_a_long_wait_for_standard_input_is_said_on_a_terminal(home: dict[str, str], thinker: Path) -> None:
    with Terminal(
        [sys.executable, "-m", "mull", "-m", str(thinker), "--no-save", "-"], environ=home
    ) as terminal:
        terminal.wait("Waiting for the end of standard input. Ctrl+D on an empty line ends it.")
        assert (
            b"\x1b]11;?" not in terminal.bytes
        )  # asked for its colours, it would lose an end that is typed just then
        terminal.press("a question\n\x04")
        assert terminal.exit() == 0
        assert "Forty-two." in terminal.text


def test_a_long_wait_for_a_named_pipe_is_said_too(
    home: dict[str, str], thinker: Path, tmp_path: Path
) -> None:
    """One without a writer blocks already when it is opened."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with Terminal(
        [sys.executable, "-m", "mull", "-m", str(thinker), "--no-save", "-f", str(pipe), "hi"], environ=home
    ) as terminal:
        terminal.wait("Waiting for the end of ")
        pipe.write_text("through the pipe")
        assert terminal.exit() == 0
        assert "Forty-two." in terminal.text


def test_a_quiet_wait_is_not(home: dict[str, str], thinker: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    late = threading.Event()

    def write() -> None:
        with pipe.open("w") as file:
            late.wait(2.5)
            file.write("a question")

    writer = threading.Thread(target=write)
    writer.start()
    with Terminal(
        [sys.executable, "-m", "mull", "-m", str(thinker), "--no-save", "-q"], environ=home, stdin=pipe
    ) as terminal:
        assert terminal.exit() == 0
        assert "Waiting" not in terminal.text
    writer.join()


@pytest.mark.parametrize("key", ["\x1b", "\x03"])
def test_keys_come_from_the_terminal_where_stdin_is_a_pipe(
    home: dict[str, str], slow: Path, tmp_path: Path, key: str
) -> None:
    (tmp_path / "input").write_text("some input")
    with Terminal(
        [sys.executable, "-m", "mull", "-m", str(slow), "--no-save", "hi"],
        environ=home,
        stdin=tmp_path / "input",
    ) as terminal:
        terminal.wait("Tab answers now")
        terminal.press("\x0f")
        terminal.wait("Ctrl+O shows the thinking")
        terminal.press("\t")
        terminal.wait("word10")
        terminal.wait("Esc stops")
        terminal.press(key)
        assert terminal.exit() == -2
        assert terminal.mode == terminal.mode_before


def test_hints_name_no_keys_where_none_are_read(home: dict[str, str], slow: Path) -> None:
    """A session without a terminal: only a signal ends the answer."""
    mull = [sys.executable, "-m", "mull", "-m", str(slow), "--no-save", "--max-tokens", "600", "hi"]
    with Terminal(["/bin/sh", "-c", 'setsid -w "$@" </dev/null', "sh", *mull], environ=home) as terminal:
        terminal.exit()
        assert b"Thinking" in terminal.bytes
        assert b"Tab answers" not in terminal.bytes
        assert b"Ctrl+O" not in terminal.bytes


def test_bytes_of_an_argument_that_are_not_utf8_are_said(mull: Run, thinker: Path) -> None:
    done = mull("-m", thinker, "--no-save", os.fsdecode(b"caf\xe9"))
    assert (done.returncode, done.stdout) == (0, b"Forty-two.\n")
    assert done.stderr == b"Some bytes of the input were not UTF-8 and were replaced.\n"


@pytest.mark.skipif(sys.platform != "linux", reason="sets the size of a pipe")
@pytest.mark.parametrize(
    ("stream", "words", "last"),
    [
        ("stdout", ("--no-reason", "--no-markdown"), b"word799"),
        ("stdout", ("--no-reason", "-o/dev/stdout"), b"word799"),
        ("stdout", ("--no-reason", "--jsonl"), b'"session":'),
        ("stderr", ("--thinking", "show"), b"thought79"),
    ],
)
def test_an_output_that_does_not_block_is_whole(
    home: dict[str, str], slow: Path, stream: str, words: tuple[str, ...], last: bytes
) -> None:
    """A pipe that is full meanwhile, whose reader is late."""
    read, write = os.pipe()
    fcntl.fcntl(write, F_SETPIPE_SZ, 4096)
    os.set_blocking(write, False)
    process = subprocess.Popen(
        [sys.executable, "-m", "mull", "-q", "-m", slow, "--no-save", "--max-tokens", "800", *words, "hi"],
        stdin=subprocess.DEVNULL,
        env=home,
        **{"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, stream: write},  # type: ignore[call-overload]
    )
    wait_for(lambda: not select.select([], [write], [], 0)[1] or process.poll() is not None, "a full pipe")
    assert process.poll() is None
    os.close(write)
    with open(read, "rb") as file:
        assert last in file.read()[-200:]
    process.wait(60)
