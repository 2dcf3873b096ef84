"""`--draft` and `--no-draft`: the same answer with and without speculative decoding; errors for unsuitable models."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import CHATML
from tests.conftest import Run
from tests.model_files.scripted import write_scripted

SCRIPT = ["<think>", *(f" so{i}" for i in range(30)), "</think>", "\n\nIt", *(f" is{i}" for i in range(30))]
TAGS = ["<think>", "</think>"]


@pytest.fixture
def big(tmp_path: Path) -> Path:
    return write_scripted(tmp_path / "big.gguf", SCRIPT, template=CHATML, user_defined=TAGS)


@pytest.mark.parametrize("more", [(), ("--think-budget", "10"), ("--max-tokens", "40"), ("--stop", "is20")])
def test_speculative_decoding_does_not_change_the_answer(
    mull: Run, big: Path, tmp_path: Path, more: tuple[str, ...]
) -> None:
    helper = write_scripted(tmp_path / "small.gguf", SCRIPT, template=CHATML, user_defined=TAGS)
    results = []
    for flags in (("--no-draft",), (), ("--draft", str(helper))):
        done = json.loads(mull("ask", "-m", big, "--json", *flags, *more, "hm").stdout)
        counts = {name: done["usage"][name] for name in ("thinking", "answer")}
        results.append((done["thinking"], done["answer"], done["finish"], counts))
    assert results[0] == results[1] == results[2]
    assert results[0][1]


def test_a_draft_model_with_another_vocabulary_is_an_error(mull: Run, big: Path, tmp_path: Path) -> None:
    helper = write_scripted(tmp_path / "foreign.gguf", ["something", " else"], template=CHATML)
    done = mull("ask", "-m", big, "--draft", helper, "hm")
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"foreign.gguf cannot draft for big.gguf: their vocabularies differ." in done.stderr
    assert b"Traceback" not in done.stderr


def test_a_draft_model_that_is_not_installed_is_an_error(mull: Run, big: Path) -> None:
    done = mull("ask", "-m", big, "--draft", "nowhere/nothing-at-all", "hm")
    assert done.returncode == 1
    assert b"mull pull nowhere/nothing-at-all" in done.stderr


def test_draft_and_no_draft_conflict(mull: Run, big: Path) -> None:
    done = mull("ask", "-m", big, "--draft", "auto", "--no-draft", "hm")
    assert done.returncode == 2
    assert b"--draft and --no-draft contradict each other." in done.stderr


def test_a_flag_overrides_draft_off_in_the_config(mull: Run, big: Path) -> None:
    assert mull("config", "set", "draft", "off").returncode == 0
    assert mull("ask", "-m", big, "--draft", "auto", "hm").returncode == 0
    assert mull("config", "get", "draft").stdout == b"off\n"
