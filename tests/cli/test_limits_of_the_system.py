"""A full disk, a closed stdout, no descriptors or memory left, a deleted working folder: one sentence, exit code 1."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

if sys.platform == "win32":
    pytest.skip("needs a POSIX shell", allow_module_level=True)


def shell(
    script: str, home: Mapping[str, str], folder: Path, *words: str | Path
) -> subprocess.CompletedProcess[bytes]:
    """Run `script` in sh; in it `mull` is mull, and `$@` are the words."""
    program = f'mull() {{ "{sys.executable}" -P -m mull "$@"; }}; {script}'
    return subprocess.run(
        ["sh", "-c", program, "sh", *map(str, words)],
        input=b"",
        capture_output=True,
        env=dict(home),
        cwd=folder,
        timeout=60,
        check=False,
    )


def is_a_sentence_and_a_hint(done: subprocess.CompletedProcess[bytes]) -> bool:
    lines = done.stderr.decode().splitlines()
    return (
        len(lines) == 2
        and lines[0].startswith("Error: ")
        and lines[0].endswith(".")
        and "Errno" not in lines[0]
    )


@pytest.mark.parametrize(
    "words",
    ["--version", "--help", "list", "--json hi", "hi", "models", "models --json", "config path", "batch -"],
)
@pytest.mark.parametrize(
    "script",
    [
        pytest.param(
            'mull "$@" >/dev/full',
            marks=pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full"),
        ),
        'mull "$@" >&-',
    ],
)
def test_a_stdout_that_takes_nothing_is_a_sentence(
    home: dict[str, str], tmp_path: Path, words: str, script: str
) -> None:
    if words == "batch -":
        script = f"echo '\"hi\"' | {script}"
        words += " -q -m pebble"
    done = shell(script, home, tmp_path, *words.split())
    assert done.returncode == 1
    assert is_a_sentence_and_a_hint(done), done.stderr
    said = (
        b"stdout is closed."
        if "&-" in script
        else b"The output could not be written: No space left on device."
    )
    assert done.stderr.startswith(b"Error: " + said), done.stderr


def test_a_closed_stdout_does_not_matter_when_the_answer_goes_to_a_file(
    home: dict[str, str], thinker: Path, tmp_path: Path
) -> None:
    assert shell('mull "$@" >&-', home, tmp_path, "-m", thinker, "-o", "out", "hi").returncode == 0
    assert (tmp_path / "out").read_text() == "Forty-two.\n"


@pytest.mark.parametrize("limit", [6, 8])
def test_too_few_descriptors_are_named_with_the_limit(
    home: dict[str, str], tmp_path: Path, limit: int
) -> None:
    done = shell(f"ulimit -n {limit}; mull hi", home, tmp_path)
    if done.returncode == 0:
        pytest.skip(f"{limit} descriptors suffice here")
    assert b"Too many files are open." in done.stderr
    assert f"The limit is {limit}.".encode() in done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize(
    "words", [["-m", "MODEL", "hi"], ["batch", "-m", "MODEL", "in"], ["inspect", "MODEL"]]
)
def test_too_few_descriptors_for_a_child_or_a_model_are_named(
    home: dict[str, str], thinker: Path, tmp_path: Path, words: list[str]
) -> None:
    (tmp_path / "in").write_text('"hi"\n')
    given = [str(thinker) if word == "MODEL" else word for word in words]
    for limit in (6, 9, 12):
        done = shell(f'ulimit -n {limit}; mull "$@"', home, tmp_path, *given)
        if done.returncode:
            expected = f"Error: Too many files are open.\nThe limit is {limit}."
            assert done.stderr.decode().startswith(expected), done.stderr
    assert shell('ulimit -n 64; mull "$@"', home, tmp_path, *given).returncode == 0


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="ulimit -v needs Linux")
def test_too_little_memory_is_named_with_the_limit(home: dict[str, str], tmp_path: Path) -> None:
    done = shell("ulimit -v 90000; mull hi", home, tmp_path)
    if done.returncode == 0:
        pytest.skip("90 MB suffice here")
    assert b"Not enough memory.\nThis process may use 92 MB; ulimit -v raises that." in done.stderr


GONE = 'mkdir gone && cd gone && rmdir ../gone && mull "$@"'


@pytest.mark.parametrize(
    "words",
    [
        "-m ./x.gguf hi",
        "inspect a.gguf",
        "inspect a.jinja",
        "-f x hi",
        "-t foo hi",
        "-o out hi",
        "--thinking-file out hi",
        "--schema ./file.json hi",
        "--grammar g.gbnf hi",
        "--draft ./x.gguf hi",
        "batch in.jsonl",
        "eval q.jsonl",
        "sessions import x.json",
        "show ./x.gguf",
        "verify x.gguf",
        "templates show foo",
        "templates trust",
    ],
)
def test_a_deleted_working_folder_is_named(home: dict[str, str], tmp_path: Path, words: str) -> None:
    done = shell(GONE, home, tmp_path, *words.split())
    assert done.returncode == 1
    assert done.stderr == b"Error: The working folder no longer exists.\nChange to another folder: cd\n"


def test_an_absolute_path_is_not_the_working_folders_fault(home: dict[str, str], tmp_path: Path) -> None:
    for words in (["-m", "/nowhere/x.gguf"], ["-f", "/nowhere/x"], ["-m", "no-such-model"]):
        done = shell(GONE, home, tmp_path, *words, "hi")
        assert done.returncode in {1, 2}
        assert words[1].encode() in done.stderr
        assert b"working folder" not in done.stderr


def test_what_needs_no_working_folder_works_without_one(
    home: dict[str, str], thinker: Path, tmp_path: Path
) -> None:
    own = Path(home["MULL_CONFIG_DIR"]) / "templates" / "joke.toml"
    own.parent.mkdir()
    own.write_text('prompt = "Tell me a joke."')
    done = shell(GONE, home, tmp_path, "-m", thinker, "-t", "joke")
    assert done.stdout == b"Forty-two.\n", done.stderr
    assert str(own).encode() in shell(GONE, home, tmp_path, "templates", "list").stdout


def test_a_reader_that_left_is_no_failure(home: dict[str, str]) -> None:
    read, write = os.pipe()
    os.close(read)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "mull", "--version"],
            stdout=write,
            stderr=subprocess.PIPE,
            env=home,
            check=False,
        )
    finally:
        os.close(write)
    assert (done.returncode, done.stderr) == (0, b"")
