"""The progress of `mull batch` on a terminal: a status line while it runs, a summary line at the end."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import CHATML
from tests.model_files.scripted import write_scripted

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX pseudo-terminal")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Says "42" without thinking; thinks at great length with it."""
    thoughts = [f" thought{i}" for i in range(3000)]
    return write_scripted(
        tmp_path / "slow.gguf",
        ["<think>", *thoughts, "</think>", "done"],
        starts={"\n\n": ["42"]},
        template=CHATML,
        user_defined=["<think>", "</think>"],
        n_ctx=8192,
        width=1024,
    )


def command(model: Path, lines: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "mull", "batch", str(lines), "-m", str(model), *arguments]


def written(path: Path, *reasons: bool) -> Path:
    path.write_text("".join(json.dumps({"prompt": "hi", "reason": reason}) + "\n" for reason in reasons))
    return path


@pytest.mark.parametrize("columns", [80, 40])
def test_the_status_line_is_updated_and_ctrl_c_stops(
    home: dict[str, str], model: Path, tmp_path: Path, columns: int
) -> None:
    from tests.terminal.harness import Terminal

    lines, out = written(tmp_path / "in.jsonl", False, False, True, True), tmp_path / "out.jsonl"
    arguments = command(model, lines, "-o", str(out))
    with Terminal(arguments, environ=home, columns=columns) as terminal:
        terminal.wait("2/4 lines", "progress")
        terminal.wait("tokens/s", "the rate")
        assert len(terminal.lines) == 1
        terminal.press("\x03")
        assert terminal.exit() == -signal.SIGINT
        said = " ".join(terminal.everything)
        assert "2 lines in" in said
        assert "same command resumes" in said
        assert "/4 lines" not in said  # the moving line is gone
        assert all(len(line) < columns for line in terminal.everything)
    assert [json.loads(line)["answer"] for line in out.read_text().splitlines()] == ["42", "42"]


def test_results_on_the_same_screen_are_whole_lines(
    home: dict[str, str], model: Path, tmp_path: Path
) -> None:
    from tests.terminal.harness import Terminal

    lines = written(tmp_path / "in.jsonl", *[False] * 6)
    with Terminal(command(model, lines, "--parallel", "2"), environ=home, columns=1000) as terminal:
        assert terminal.exit() == 0
        *found, last = terminal.everything
        assert [json.loads(line)["id"] for line in found] == [1, 2, 3, 4, 5, 6]
        assert last.startswith("6 lines in")


def test_quiet_shows_nothing(home: dict[str, str], model: Path, tmp_path: Path) -> None:
    from tests.terminal.harness import Terminal

    lines, out = written(tmp_path / "in.jsonl", False), tmp_path / "out.jsonl"
    with Terminal(command(model, lines, "-q", "-o", str(out)), environ=home) as terminal:
        assert terminal.exit() == 0
        assert terminal.bytes == b""
