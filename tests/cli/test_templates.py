"""Prompt templates through `mull -t` and `mull templates`: search, values, flags over settings, errors."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.saved import last_session, last_turn
from tests.conftest import Run

REVIEW = """
description = "Reviews a change"
system = "You are a $tone reviewer."
prompt = '''
Review this for $focus. It costs $$5.

$input
'''
[defaults]
tone = "kind"
[settings]
reason = false
max_tokens = 50
"""


@pytest.fixture
def review(home: dict[str, str]) -> Path:
    """A template `review` in the user's config folder."""
    folder = Path(home["MULL_CONFIG_DIR"]) / "templates"
    folder.mkdir()
    (folder / "review.toml").write_text(REVIEW)
    return folder / "review.toml"


@pytest.mark.usefixtures("review")
def test_the_input_and_the_values_are_inserted(mull: Run, thinker: Path) -> None:
    done = mull("-m", thinker, "-t", "review", "-p", "focus=speed", "--json", "now", stdin=b"a diff\n")
    assert json.loads(done.stdout)["reasoning"]["asked"] == "off"
    assert json.loads(done.stdout)["answer"] == "42"
    assert last_turn(mull)["question"] == "Review this for speed. It costs $5.\n\na diff\n\nnow"
    exported = json.loads(mull("sessions", "export", "--format", "json", last_session(mull)).stdout)
    assert exported["session"]["system"] == "You are a kind reviewer."


@pytest.mark.usefixtures("review")
def test_a_flag_overrides_the_template(mull: Run, thinker: Path) -> None:
    done = mull("-m", thinker, "-t", "review", "-p", "focus=x", "--reason", "--json", "hi")
    assert json.loads(done.stdout)["thinking"] == "Let me see."


def test_ones_own_template_comes_before_a_projects(
    mull: Run, thinker: Path, review: Path, tmp_path: Path
) -> None:
    (tmp_path / ".git").mkdir()
    folder = tmp_path / ".mull" / "templates"
    folder.mkdir(parents=True)
    for name in ("review", "ours"):
        (folder / f"{name}.toml").write_text('prompt = "Ours:"')
    assert mull("-m", thinker, "-t", "ours", "the change").returncode == 0
    assert last_turn(mull)["question"] == "the change\n\nOurs:"  # without $input the input comes first
    listed = json.loads(mull("templates", "list", "--json").stdout)["templates"]
    assert [one["path"] for one in listed] == [str(folder / "ours.toml"), str(review)]
    assert mull("-m", thinker, "-t", "review", "-p", "focus=all", "x").returncode == 0


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("prompt = ", "cannot be read"),
        ('promt = "x"', "did you mean prompt?"),
        ("prompt = 3", 'expects text for "prompt"'),
        ('prompt = "costs $5"', "write $$ for a dollar sign"),
        ('[settings]\ntemperature = "hot"', 'expects a number from 0 to 1,000,000 for "temperature"'),
        ("[settings]\nsave = false", 'a setting "save" that a template cannot set'),
        ('system = "Read $input."', "the input belongs in the prompt"),
    ],
)
def test_an_invalid_template_is_an_error_that_names_the_place(
    mull: Run, thinker: Path, tmp_path: Path, text: str, says: str
) -> None:
    (tmp_path / "bad.toml").write_text(text)
    done = mull("-m", thinker, "-t", "./bad.toml", "hi")
    assert done.returncode == 1
    assert says in done.stderr.decode()


@pytest.mark.usefixtures("review")
@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["-t", "review", "hi"], 'needs a value for "focus"'),
        (["-t", "review", "-p", "fokus=x", "hi"], 'no value named "fokus"'),
        (["-t", "review", "-p", "focus", "hi"], "NAME=VALUE"),
        (["-t", "review", "-p", "focus=x"], "There is no prompt."),
        (["-p", "focus=x", "hi"], "Name the template with -t."),
    ],
)
def test_wrong_arguments_are_exit_2(mull: Run, thinker: Path, words: list[str], says: str) -> None:
    done = mull("-m", thinker, *words)
    assert done.returncode == 2
    assert says in done.stderr.decode()


def test_an_unknown_name_names_the_nearest(mull: Run, review: Path) -> None:
    done = mull("-t", "reviw", "hi")
    assert done.returncode == 1
    assert "Did you mean review?" in done.stderr.decode()


def test_a_template_may_need_no_input(mull: Run, thinker: Path, tmp_path: Path) -> None:
    (tmp_path / "joke.toml").write_text('prompt = "Tell me a joke."')
    assert mull("-m", thinker, "-t", "./joke.toml").stdout == b"Forty-two.\n"


def test_edit_creates_a_new_template(mull: Run, home: dict[str, str]) -> None:
    done = mull("templates", "edit", "fresh", env={"EDITOR": "true", "VISUAL": ""})
    assert done.returncode == 0
    assert mull("templates", "show", "fresh").stdout.startswith(b'description = ""')
    assert (Path(home["MULL_CONFIG_DIR"]) / "templates" / "fresh.toml").is_file()


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX files")
@pytest.mark.parametrize(
    ("make", "what"),
    [
        (os.mkfifo, "is not a regular file"),
        (os.mkdir, "is a folder"),
        (lambda path: path.symlink_to(path), "cannot be read: Too many levels of symbolic links"),
        (lambda path: path.symlink_to("nowhere"), "cannot be read: No such file or directory"),
    ],
)
def test_what_is_no_file_is_said(
    mull: Run, home: dict[str, str], make: Callable[[Path], None], what: str
) -> None:
    path = Path(home["MULL_CONFIG_DIR"]) / "templates" / "odd.toml"
    path.parent.mkdir()
    make(path)
    done = mull("-t", "odd", "hi", timeout=20)
    assert done.returncode == 1
    assert f'There is no template "odd": {path} {what}.' in done.stderr.decode()
    assert b"Did you mean" not in done.stderr
    assert b"Did you mean odd" not in mull("-t", "od", "hi").stderr


def test_a_pipe_is_told_of_a_repositorys_template_too(
    mull: Run, home: dict[str, str], thinker: Path, tmp_path: Path
) -> None:
    own = Path(home["MULL_CONFIG_DIR"]) / "templates" / "mine.toml"
    theirs = tmp_path / ".mull" / "templates" / "theirs.toml"
    for path in (own, theirs):
        path.parent.mkdir(parents=True)
        path.write_text('prompt = "Say it."\n')
    done = mull("-m", thinker, "-t", "theirs")
    assert (done.stdout, done.stderr.decode()) == (b"Forty-two.\n", f"Template: {theirs}\n")
    for quiet in (["-t", "mine"], ["-q", "-t", "theirs"], ["--json", "-t", "theirs"]):
        assert mull("-m", thinker, *quiet).stderr == b""
