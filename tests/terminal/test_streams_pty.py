"""Which stream gets what: the table in `plain`'s docstring, in real pseudo-terminals, and the environment."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest

from tests.terminal.conftest import Play

THOUGHT, ANSWER = "I think.", "It is **so**.\n\nYes"
MODES = ("auto", "show", "fold", "hide")
SGR = re.compile(r"\x1b\[[0-9;]*m")


@pytest.mark.parametrize("thinking", MODES)
@pytest.mark.parametrize(
    ("stdin_tty", "stdout_tty", "stderr_tty"), list(itertools.product([True, False], repeat=3))
)
def test_the_table_of_plain_views(
    play: Play, tmp_path: Path, stdin_tty: bool, stdout_tty: bool, stderr_tty: bool, thinking: str
) -> None:
    files = {name: tmp_path / name for name in ("stdin", "stdout", "stderr")}
    for path in files.values():
        path.touch()
    others = {
        name: files[name]
        for name, is_tty in (("stdin", stdin_tty), ("stdout", stdout_tty), ("stderr", stderr_tty))
        if not is_tty
    }
    go = tmp_path / "go"
    terminal = play(("think", THOUGHT), ("until", str(go)), ("answer", ANSWER), thinking=thinking, **others)
    if stderr_tty and thinking in {"auto", "show"}:
        terminal.wait(f"│ {THOUGHT}")
    go.touch()
    assert terminal.exit() == 0
    screen = terminal.text
    out, err = files["stdout"].read_text(), files["stderr"].read_text()
    if not stdout_tty:
        assert out == ANSWER + "\n"
    if not stderr_tty:
        assert err == (f"{THOUGHT}\n[stop]\n" if thinking == "show" else "[stop]\n")
    assert ("It is so." in screen) == stdout_tty
    assert ("▸ Thought for" in screen) == (stderr_tty and thinking in {"auto", "fold"})
    assert ("▾ Thought for" in screen) == (stderr_tty and thinking == "show")
    assert (f"│ {THOUGHT}" in screen) == (stderr_tty and thinking == "show")
    seen_live = f"│ {THOUGHT}" in SGR.sub("", terminal.bytes.decode())
    assert seen_live == (stderr_tty and thinking in {"auto", "show"})
    if not (stdout_tty or stderr_tty):
        assert terminal.bytes == b""
    assert terminal.mode == terminal.mode_before


def test_progress_is_removed_before_the_answer_on_the_same_screen(play: Play, tmp_path: Path) -> None:
    """`mull … | cat`: the pipe's reader writes to the same screen, so the panel must be gone."""
    terminal = play(
        ("load", 0.5),
        ("sleep", 0.4),
        ("think", THOUGHT),
        ("sleep", 0.3),
        ("answer", ANSWER),
        ("sleep", 0.3),
        stdout=tmp_path / "out",
    )
    assert terminal.exit() == 0
    summary, *rest = terminal.lines
    assert re.fullmatch(r"▸ Thought for \d\.\d s · 2 tokens", summary)
    assert rest == ["", "[stop]"]


def test_a_pipe_gets_the_models_own_bytes(play: Play, tmp_path: Path) -> None:
    odd = "a\x1b[31mred\x07 \x85 \u202e end\n\n"
    terminal = play(("answer", odd), stdout=tmp_path / "out", environ={"LC_ALL": "C", "PYTHONUTF8": "0"})
    assert terminal.exit() == 0
    assert (tmp_path / "out").read_bytes() == odd.encode()


def test_ctrl_c_in_a_pipe_keeps_the_answer_so_far(play: Play, tmp_path: Path) -> None:
    out = tmp_path / "out"
    terminal = play(("answer", "It begins"), ("sleep", 30), stdout=out)
    terminal.wait(lambda: out.exists() and out.read_text() == "It begins", "the answer")
    terminal.press("\x03")
    assert terminal.exit() == 130
    assert out.read_text() == "It begins\n"


def test_a_full_disk_is_an_error_and_a_closed_pipe_is_not(play: Play, tmp_path: Path) -> None:
    full = play(("answer", "Anything."), stdout=Path("/dev/full"), stderr=tmp_path / "err")
    assert full.exit() == 1
    assert "The output could not be written: No space left on device." in (tmp_path / "err").read_text()


@pytest.mark.parametrize(
    ("environ", "color", "colored"),
    [
        ({}, "auto", True),
        ({"NO_COLOR": "1"}, "auto", False),
        ({"NO_COLOR": ""}, "auto", True),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, "auto", False),
        ({}, "never", False),
        ({"NO_COLOR": "1"}, "always", True),
    ],
)
def test_which_setting_decides_about_colour(
    play: Play, environ: dict[str, str], color: str, colored: bool
) -> None:
    terminal = play(("answer", "# Title\n"), color=color, environ=environ)
    assert terminal.exit() == 0
    assert (b";35m" in terminal.bytes) == colored


def test_a_terminal_without_unicode(play: Play) -> None:
    terminal = play(
        ("think", "Hm. 你"),
        ("sleep", 0.3),
        ("answer", "- a\n\n> 你 é\n"),
        environ={"PYTHONIOENCODING": "latin-1"},
    )
    assert terminal.exit() == 0
    shown = terminal.bytes.decode("latin-1")
    assert re.search(r"> Thought for \d\.\d s - 2 tokens", shown)
    assert "? é" in shown
    assert "- a" in SGR.sub("", shown)


@pytest.mark.parametrize("piped", [False, True])
def test_quiet_leaves_the_answer_alone(play: Play, tmp_path: Path, piped: bool) -> None:
    others = {"stdout": tmp_path / "out"} if piped else {}
    terminal = play(
        ("load", 0.5), ("sleep", 0.3), ("think", THOUGHT), ("notice", "Odd."), ("sleep", 0.3), ("answer", "Yes."),
        quiet=True, **others,
    )  # fmt: skip
    assert terminal.exit() == 0
    assert terminal.lines == (["[stop]"] if piped else ["Yes.", "[stop]"])
    assert b"Thinking" not in terminal.bytes
    assert b"Loading" not in terminal.bytes
