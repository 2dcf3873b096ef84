"""Arguments that shells and scripts hand over: a dash at the beginning, `-` for a file, bytes that are no UTF-8."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.conftest import Run

LATIN = "caf\udce9"  # as Python decodes the Latin-1 bytes of "café"
posix = pytest.mark.skipif(sys.platform == "win32", reason="arguments are bytes on POSIX only")


@pytest.mark.parametrize(
    ("prompt", "shown"),
    [
        ("- summarize the points", "'- summarize the points'"),
        ("-5 + 3 = ?", "'-5 + 3 = ?'"),
        ("--find me the bug", "'--find me the bug'"),
        ("-5+3", "-5+3"),
    ],
)
def test_a_prompt_that_looks_like_an_option_is_told_where_it_goes(
    mull: Run, thinker: Path, prompt: str, shown: str
) -> None:
    done = mull("-m", thinker, "--no-save", prompt)
    assert done.returncode == 2
    lines = done.stderr.decode().splitlines()
    assert lines[-1] == f"A prompt goes after --: mull -- {shown}"
    assert mull("-m", thinker, "--no-save", "--", prompt).stdout == b"Forty-two.\n"


def test_a_misspelled_option_is_still_one(mull: Run) -> None:
    done = mull("--modle", "hi there")
    assert done.returncode == 2
    assert b"mull -- " not in done.stderr


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--schema", "-", "hi"), b"--schema: - is not a file."),
        (("--grammar", "-", "hi"), b"--grammar: - is not a file."),
        (("--thinking-file", "-", "hi"), b"--thinking-file: - is not a file."),
        (("inspect", "-"), b"FILE: - is not a file."),
        (("inspect", "x.jinja", "--render", "-"), b"--render: - is not a file."),
        (("eval", "-"), b"[FILE]: - is not a file."),
    ],
)
def test_a_dash_is_refused_where_it_is_not_stdin(
    mull: Run, tmp_path: Path, words: tuple[str, ...], named: bytes
) -> None:
    done = mull(*words)
    assert done.returncode == 2
    assert done.stderr.splitlines()[0] == b"Error: " + named
    assert not (tmp_path / "-").exists()


def test_a_dash_as_the_output_is_stdout(mull: Run, thinker: Path, tmp_path: Path) -> None:
    assert mull("-m", thinker, "--session", "x", "-o", "-", "hi").stdout == b"Forty-two.\n"
    assert b"Forty-two." in mull("batch", "-m", thinker, "-o", "-", "-", stdin=b'"hi"\n').stdout
    assert b"Forty-two." in mull("sessions", "export", "x", "-o", "-").stdout
    assert not (tmp_path / "-").exists()


@pytest.mark.parametrize("option", ["-m", "--session", "-t", "--draft", "--chat-template"])
@pytest.mark.parametrize("command", [(), ("chat",)])
def test_an_empty_name_is_an_unset_variable(mull: Run, option: str, command: tuple[str, ...]) -> None:
    if command and option == "-t":
        return  # a chat has no such option
    done = mull(*command, option, "", *(() if command else ("hi",)))
    assert done.returncode == 2
    assert done.stderr.splitlines()[0].decode() == f"Error: The name after {option} is empty."


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--grammar", "", "hi"), "after --grammar"),
        (("ask", "--lark=", "hi"), "after --lark"),
        (("--schema", "", "hi"), "after --schema"),
        (("-o", "", "hi"), "after --output"),
        (("--thinking-file", "", "hi"), "after --thinking-file"),
        (("--lora", "", "hi"), "after --lora"),
        (("inspect", ""), "of FILE"),
        (("inspect", "x", "--render", ""), "after --render"),
        (("batch", ""), "of FILE"),
        (("eval", ""), "of FILE"),
        (("serve", "--socket", ""), "after --socket"),
        (("sessions", "import", ""), "of FILE"),
        (("sessions", "export", "x", "-o", ""), "after --output"),
        (("templates", "trust", ""), "of FOLDER"),
    ],
)
def test_an_empty_path_is_an_unset_variable(mull: Run, words: tuple[str, ...], named: str) -> None:
    """Not the working folder, as which Python reads it."""
    done = mull(*words)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.decode().splitlines()[0] == f"Error: The path {named} is empty."


@pytest.mark.parametrize(
    "words", [("-f", "", "hi"), ("-f", "a.txt", "--file=", "hi"), ("tokens", "", "a.txt")]
)
def test_an_empty_file_name_is_not_the_working_folder(
    mull: Run, tmp_path: Path, words: tuple[str, ...]
) -> None:
    (tmp_path / "a.txt").write_text("a secret\n")
    done = mull(*words)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.splitlines()[0] == b"Error: The name of a file is empty."


def test_a_short_schema_has_no_field_without_a_letter(mull: Run, thinker: Path) -> None:
    done = mull("-m", thinker, "--schema", "name, -", "hi")
    assert (done.returncode, done.stderr.splitlines()[0]) == (
        2,
        b'Error: "-" is not a field of a short schema.',
    )


@posix
@pytest.mark.parametrize(
    "words",
    [
        ("--session", LATIN, "hi"),
        ("--system", LATIN, "hi"),
        ("--stop", LATIN, "hi"),
        ("--schema", f"{LATIN} int", "hi"),
        ("sessions", "rename", "x", LATIN),
    ],
)
def test_a_name_or_text_that_is_not_utf8_is_refused(
    mull: Run, home: dict[str, str], thinker: Path, words: tuple[str, ...]
) -> None:
    assert mull("-m", thinker, "--session", "x", "hi").returncode == 0
    done = mull(*words, *(["-m", thinker] if words[0] != "sessions" else []))
    assert done.returncode == 2
    assert b"not UTF-8 text." in done.stderr
    assert b"inside mull" not in done.stderr
    assert [line.split("\t")[1] for line in mull("sessions", "list").stdout.decode().splitlines()] == ["x"]


@posix
def test_a_setting_that_is_not_utf8_is_refused(mull: Run, home: dict[str, str]) -> None:
    done = mull("config", "set", "system", LATIN)
    assert (done.returncode, done.stderr.splitlines()[0]) == (
        1,
        b'Error: mull config set expects UTF-8 text for "system".',
    )
    assert mull("config", "get", "system").stdout == b""


@posix
def test_looking_for_such_a_name_finds_nothing(mull: Run) -> None:
    done = mull("sessions", "show", LATIN)
    assert (done.returncode, done.stderr.splitlines()[0]) == (
        1,
        'Error: There is no session "caf\ufffd".'.encode(),
    )


@posix
def test_files_may_have_any_name(mull: Run, thinker: Path, tmp_path: Path) -> None:
    (tmp_path / LATIN).write_text("content")
    os.link(thinker, tmp_path / f"{LATIN}.gguf")
    done = mull("-m", f"./{LATIN}.gguf", "-f", LATIN, "-o", f"{LATIN}.out", "hi")
    assert (done.returncode, done.stderr) == (0, b"")
    assert (tmp_path / f"{LATIN}.out").read_text() == "Forty-two.\n"


@pytest.mark.parametrize(
    ("flag", "value", "said"),
    [
        ("--temperature", "hot", "'hot' is not a number"),
        ("--top-k", "1.5", "'1.5' is not a whole number"),
        ("--top-p", "nan", "nan is not in the range 0<=x<=1"),
    ],
)
def test_a_wrong_number_is_named_in_plain_words(mull: Run, flag: str, value: str, said: str) -> None:
    done = mull(flag, value, "hi")
    assert (done.returncode, done.stdout) == (2, b"")
    assert said in done.stderr.decode().splitlines()[0]
