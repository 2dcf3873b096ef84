"""The table of docs/performance.md: what was recorded, what was missed and why, what is older than its code."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

from docgen import performance
from docgen.performance import Measured, Row
from tests.bench.rows import MEASURES, ROOT, Pairs

ROW = Row("smollm2-x", "smollm2", "an answer", "another", 1.5, ("code",), "it reads the file twice")
FOUND = Measured(
    what="an answer",
    against="another",
    target=">= 1.5",
    low=1.4,
    median=1.6,
    high=1.8,
    pairs=5,
    ours=80.0,
    theirs=50.0,
    unit="tokens/s",
    cpu="A Processor",
    cores=8,
    threads=4,
    busy=0.1,
    system="Linux",
    llama="1.2",
    date="2026-11-30",
    commit="abc1234",
    digest="",
)


@pytest.fixture
def code(tmp_path: Path) -> Path:
    """A folder with the code that the row depends on."""
    for name in ("code/a.py", "code/sub/b.py", "other.py"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"one = 1\ntwo = 2\n")
    return tmp_path


def line(code: Path, row: Row = ROW, **changed: object) -> str:
    """The row's line in the table, measured with the code as it stands now."""
    fresh = dataclasses.replace(FOUND, digest=performance.digest(ROW.sources, code))
    found = dataclasses.replace(fresh, **changed)  # type: ignore[arg-type]
    table = performance.table({row.name: row}, {row.name: found}, code)
    return next(text for text in table.splitlines() if text.startswith("| an answer"))


def test_a_line_says_what_was_measured_where_and_when(code: Path) -> None:
    assert line(code) == (
        "| an answer | another | 1.60 | 1.40 to 1.80 | 5 | 80, 50 tokens/s | ≥ 1.5 "
        "| 2026-11-30, machine 1, `abc1234` |"
    )
    table = performance.table({ROW.name: ROW}, {ROW.name: FOUND}, code)
    assert "Machine 1: A Processor, 8 cores, 4 threads, Linux, llama.cpp 1.2." in table


def test_a_missed_target_is_marked_with_the_reason(code: Path) -> None:
    assert "≥ 1.5, **missed: it reads the file twice**" in line(code, median=1.49)
    assert "missed" not in line(code, median=1.5)
    unexplained = dataclasses.replace(ROW, reason="")
    assert "**missed; the reason is not known yet**" in line(code, unexplained, median=1.0)


def test_a_figure_of_a_busy_machine_says_so(code: Path) -> None:
    assert "other programs used 1.7 cores" in line(code, busy=1.71)
    assert "other programs" not in line(code, busy=0.1)


@pytest.mark.parametrize("changed", ["code/a.py", "code/sub/b.py", "code/new.py"])
def test_a_figure_whose_code_changed_is_marked(code: Path, changed: str) -> None:
    digest = performance.digest(ROW.sources, code)
    (code / changed).write_text("three = 3\n")
    assert "**older than its code**" in line(code, digest=digest)
    assert "older" not in line(code)


def test_what_the_row_does_not_depend_on_changes_nothing(code: Path) -> None:
    digest = performance.digest(ROW.sources, code)
    (code / "other.py").write_text("three = 3\n")
    (code / "code" / "data.txt").write_text("no code")
    (code / "code" / "a.py").write_bytes(b"one = 1\r\ntwo = 2\r\n")  # as Git writes it on Windows
    assert "older" not in line(code, digest=digest)


def test_a_renamed_file_is_a_change(code: Path) -> None:
    digest = performance.digest(ROW.sources, code)
    (code / "code" / "a.py").rename(code / "code" / "c.py")
    assert performance.digest(ROW.sources, code) != digest


def test_rows_without_figures_are_named(code: Path) -> None:
    assert performance.table({ROW.name: ROW}, {}, code) == "Not measured yet: `smollm2-x`.\n"


def test_a_recorded_row_replaces_the_older_one_only(tmp_path: Path) -> None:
    path = tmp_path / "performance.json"
    performance.record("a", FOUND, path)
    performance.record("b", FOUND, path)
    later = dataclasses.replace(FOUND, median=2.5)
    performance.record("a", later, path)
    assert performance.results(path) == {"a": later, "b": FOUND}


def test_pairs_are_compared_with_each_other() -> None:
    assert Pairs([10.0, 30.0], [5.0, 10.0]).ratios == [2.0, 3.0]
    assert Pairs([2.0, 4.0], [6.0, 4.0], "s").ratios == [3.0, 1.0]


def test_every_row_can_be_measured_and_names_code_that_exists() -> None:
    for name, row in performance.rows().items():
        assert row.model in performance.MODELS
        assert name.removeprefix(f"{row.model}-") in MEASURES
        assert [source for source in row.sources if not (ROOT / source).exists()] == []
        assert len(performance.digest(row.sources)) == 16


def test_only_rows_that_exist_have_figures() -> None:
    assert performance.results().keys() <= performance.rows().keys()


def test_an_unknown_row_is_refused() -> None:
    asked = [sys.executable, "-m", "tests.bench", "--only", "smollm2-dekode"]
    done = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "smollm2-decode" in done.stderr
