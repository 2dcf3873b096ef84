"""`mull show --card FILE [RUN]`: the card of an evaluation that is on this disk."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mull.evaluation.records import ANSWERS, append, write_run
from tests.conftest import Run
from tests.evaluation.report.samples import answers, run_record


@pytest.fixture
def runs(home: dict[str, str]) -> Path:
    """Two runs, the second with half of its answers."""
    folder = Path(home["MULL_STATE_DIR"]) / "evals"
    for number, name in enumerate(["2026-11-30-0603-aaaa", "2026-11-30-0604-bbbb"]):
        write_run(folder / name, replace(run_record(), id=name, seed=number))
        with (folder / name / ANSWERS).open("wb", buffering=0) as file:
            for one in answers()[: 80 // (number + 1)]:
                append(file, one)
    return folder


def test_the_last_run_is_written_unless_one_is_named(mull: Run, runs: Path, tmp_path: Path) -> None:
    done = mull("show", "--card", tmp_path / "last.md")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert "Seed: seed 1" in (tmp_path / "last.md").read_text(encoding="utf-8")
    for name in ("2026-11-30-0603-aaaa", "2026-11-30-0603", str(runs / "2026-11-30-0603-aaaa")):
        assert mull("show", "--card", "first.md", name).returncode == 0
        assert "Seed: seed 0" in (tmp_path / "first.md").read_text(encoding="utf-8")


def test_a_card_for_a_browser(mull: Run, runs: Path, tmp_path: Path) -> None:
    assert mull("show", "--card", "card.html").returncode == 0
    assert (tmp_path / "card.html").read_text(encoding="utf-8").startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("card.md", "2026"), 1, 'There is more than one evaluation that begins with "2026".'),
        (("card.md", "x"), 1, 'There is no evaluation "x".'),
        (("card.txt",), 2, "--card writes .md and .html files; card.txt is none."),
        (("none/card.md",), 1, "none/card.md cannot be written: No such file or directory."),
        (("card.md", "--readme"), 2, "--card writes a file and shows nothing."),
    ],
)
def test_what_cannot_be_written_is_one_sentence(
    mull: Run, runs: Path, tmp_path: Path, words: tuple[str, ...], code: int, says: str
) -> None:
    done = mull("show", "--card", *words)
    assert (done.returncode, done.stdout) == (code, b"")
    assert done.stderr.decode().splitlines()[0].endswith(says)
    assert len(done.stderr.decode().splitlines()) == 2
    assert not (tmp_path / "card.md").exists()


def test_without_a_run_there_is_no_card(mull: Run) -> None:
    done = mull("show", "--card", "card.md")
    assert done.returncode == 1
    assert "No evaluation was run yet." in done.stderr.decode()


def test_a_name_is_needed_without_a_card(mull: Run) -> None:
    done = mull("show")
    assert (done.returncode, done.stdout) == (2, b"")
    assert "Missing argument" in done.stderr.decode()
