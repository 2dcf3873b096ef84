"""Whatever mull reads, it reads within limits: size, depth, number of values, and pipes that nobody writes to."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.conftest import Run
from tests.waiting import wait_for

if sys.platform == "win32":
    pytest.skip("needs POSIX pipes", allow_module_level=True)

MANY = "[" + "[]," * 3_000_000 + "[]]"
DEEP = "[" * 100_000
CHAT = "{% for m in messages %}{{ m.content }}{% endfor %}"
READERS: dict[str, list[str]] = {
    "schema": ["--schema", "./FILE", "hi"],
    "grammar": ["--grammar", "FILE", "hi"],
    "attached": ["-f", "FILE", "hi"],
    "template": ["-t", "./FILE.toml", "hi"],
    "render": ["inspect", "chat.jinja", "--render", "FILE"],
    "inspect": ["inspect", "FILE"],
    "eval": ["eval", "FILE"],
    "batch": ["batch", "-m", "pebble", "FILE"],
    "import": ["sessions", "import", "FILE"],
    "config": ["config"],
}
WRITERS: list[int] = []


def writer(pipe: Path) -> bool:
    """Open the pipe for writing, once somebody has opened it for reading; it stays open for the test."""
    try:
        WRITERS.append(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))
    except OSError:
        return False
    return True


def ended() -> float:
    """Processor time of all children that have ended, in seconds."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


PIPES = ("schema", "grammar", "attached", "render", "eval", "batch", "import")


@pytest.fixture
def place(tmp_path: Path, home: Mapping[str, str]) -> Callable[[str], Path]:
    """Where the file of a kind of reader lies, and what else that reader needs."""
    (tmp_path / "chat.jinja").write_text(CHAT)
    config = Path(home["MULL_CONFIG_DIR"]) / "config.toml"
    config.unlink()
    return lambda kind: (
        config if kind == "config" else tmp_path / ("FILE.toml" if kind == "template" else "FILE")
    )


def is_a_sentence(done: subprocess.CompletedProcess[bytes], kind: str) -> bool:
    said = (done.stdout if kind == "batch" else done.stderr).decode()
    return (
        done.returncode in {1, 2, 5}
        and "inside mull" not in said
        and "Traceback" not in said
        and "rror" in said
    )


@pytest.mark.parametrize("kind", ["schema", "render", "eval", "batch", "template", "config", "import"])
@pytest.mark.parametrize("content", [DEEP, '{"a":' * 100_000, '"\\ud800', "\ufeff\x00"])
def test_content_that_nothing_can_use_is_a_sentence(
    mull: Run, place: Callable[[str], Path], kind: str, content: str
) -> None:
    place(kind).write_text(content)
    assert is_a_sentence(mull(*READERS[kind]), kind)


@pytest.mark.parametrize("kind", ["render", "batch", "eval"])
def test_a_text_of_millions_of_values_is_refused_before_it_fills_the_memory(
    mull: Run, place: Callable[[str], Path], kind: str
) -> None:
    place(kind).write_text(MANY)
    done = mull(*READERS[kind])
    assert is_a_sentence(done, kind)
    assert b"more than 2,000,000 values" in done.stdout + done.stderr or kind == "eval"


@pytest.mark.parametrize(
    "kind", ["schema", "grammar", "attached", "template", "render", "eval", "import", "config"]
)
def test_a_file_that_never_ends_is_refused(mull: Run, place: Callable[[str], Path], kind: str) -> None:
    """As large as a disk, or without any size: what is read of it is bounded."""
    with place(kind).open("wb") as file:
        file.truncate(1 << 40)
    before = ended()
    assert is_a_sentence(mull(*READERS[kind]), kind)
    assert ended() - before < 10


@pytest.mark.parametrize("kind", ["template", "config"])
def test_a_pipe_is_refused_where_only_a_file_makes_sense(
    mull: Run, place: Callable[[str], Path], kind: str
) -> None:
    os.mkfifo(place(kind))
    done = mull(*READERS[kind])
    assert is_a_sentence(done, kind)
    assert b"it is not a regular file" in done.stderr


@pytest.mark.parametrize("kind", PIPES)
def test_ctrl_c_ends_the_wait_for_a_pipe(
    home: dict[str, str], tmp_path: Path, place: Callable[[str], Path], kind: str
) -> None:
    """Within the wait for a writer, or within that for what it writes: the pipe is opened here to see that it waits."""
    os.mkfifo(place(kind))
    process = subprocess.Popen(
        [sys.executable, "-m", "mull", *READERS[kind]],
        env=home,
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        wait_for(lambda: writer(place(kind)), "the pipe's reader")
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    finally:
        process.kill()
        while WRITERS:
            os.close(WRITERS.pop())
    assert process.returncode == -signal.SIGINT, said
    assert b"Traceback" not in said


def test_what_a_shell_substitutes_is_read(home: dict[str, str], thinker: Path, tmp_path: Path) -> None:
    script = """set -e; mull() { "$PY" -m mull "$@"; }
        mull -m "$M" -f <(echo text) hi
        mull --schema <(echo '{"type": "boolean"}') hi
        mull --grammar <(echo 'root ::= "x"') hi
        mull -m "$M" batch <(echo '"hi"')
        mull inspect chat.jinja --render <(echo '[{"role": "user", "content": "q"}]')
    """
    (tmp_path / "chat.jinja").write_text(CHAT)
    done = subprocess.run(
        ["bash", "-c", script],
        input=b"",
        capture_output=True,
        env={**home, "PY": sys.executable, "M": str(thinker), "MULL_MODEL": "pebble"},
        cwd=tmp_path,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.decode().splitlines()
    assert lines[0] == "Forty-two."
    assert lines[1] in {"true", "false"}
    assert lines[2] == "x"
    assert lines[-1] == "q"


def test_a_models_output_of_any_length_is_not_read_as_a_whole(
    mull: Run, place: Callable[[str], Path]
) -> None:
    assert place("render")
    with Path("/dev/zero").open("rb") as endless:
        done = subprocess.run(
            ["sh", "-c", f'head -c 70000000 | "{sys.executable}" -m mull inspect chat.jinja --parse'],
            stdin=endless,
            capture_output=True,
            env=dict(os.environ),
            cwd=place("render").parent,
            check=False,
        )
    assert done.returncode == 1
    assert b"at least 67,108,865 bytes" in done.stderr
    assert mull("--version").returncode == 0
