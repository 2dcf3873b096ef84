"""The streams of the command itself, in real pipes and pseudo-terminals: what goes where, and in which colours.

tests/terminal has the views' own table, with thinking that takes its time; here it is the whole of `mull ask`.
"""

from __future__ import annotations

import itertools
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.cli.conftest import CHATML
from tests.conftest import Run
from tests.model_files.scripted import write_scripted

if sys.platform == "win32":
    pytest.skip("needs POSIX pseudo-terminals", allow_module_level=True)

from tests.terminal.harness import Terminal

THOUGHT, ANSWER = "Let me see.", "Forty-two."
COLOR = re.compile(rb"\x1b\[[0-9;]*m")
MODES = ["auto", "show", *(pytest.param(mode, marks=pytest.mark.slow) for mode in ("fold", "hide"))]


@pytest.fixture(scope="session")
def heading(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Answers with a heading, which a terminal gets in colour."""
    return write_scripted(
        tmp_path_factory.mktemp("models") / "heading.gguf", ["# Title\n", "\n", "Text"], template=CHATML
    )


def start(
    home: Mapping[str, str], *words: str, environ: Mapping[str, str] | None = None, **streams: Path
) -> Terminal:
    return Terminal([sys.executable, "-m", "mull", *words], environ={**home, **(environ or {})}, **streams)  # type: ignore[arg-type]


@pytest.mark.parametrize("thinking", MODES)
@pytest.mark.parametrize(
    ("stdin_tty", "stdout_tty", "stderr_tty"), list(itertools.product([True, False], repeat=3))
)
def test_each_stream_is_checked_for_a_terminal_separately(
    home: dict[str, str],
    thinker: Path,
    tmp_path: Path,
    thinking: str,
    stdin_tty: bool,
    stdout_tty: bool,
    stderr_tty: bool,
) -> None:
    files = {name: tmp_path / name for name in ("stdin", "stdout", "stderr")}
    for path in files.values():
        path.touch()
    files["stdin"].write_text("some input")
    is_tty = {"stdin": stdin_tty, "stdout": stdout_tty, "stderr": stderr_tty}
    others = {name: files[name] for name in files if not is_tty[name]}
    words = ("-m", str(thinker), "--no-save", "--thinking", thinking, "hi")
    with start(home, *words, **others) as terminal:
        assert terminal.exit() == 0
        screen = terminal.text
        assert terminal.mode == terminal.mode_before
    shown = thinking == "show"
    if not stdout_tty:
        assert files["stdout"].read_text() == f"{ANSWER}\n"
    if not stderr_tty:
        assert files["stderr"].read_text() == (f"{THOUGHT}\n" if shown else "")
    assert (ANSWER in screen) == stdout_tty
    assert ("Thought for" in screen) == (stderr_tty and thinking != "hide")
    assert (THOUGHT in screen) == (stderr_tty and shown)
    if not (stdout_tty or stderr_tty):
        assert terminal.bytes == b""


@pytest.mark.parametrize(
    ("environ", "flags", "colored"),
    [
        ({}, [], True),
        ({"NO_COLOR": "1"}, [], False),
        ({"NO_COLOR": ""}, [], True),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, [], False),
        ({}, ["--color", "never"], False),
        ({"NO_COLOR": "1"}, ["--color=always"], True),
        ({"FORCE_COLOR": "1"}, ["--color", "never"], False),
        ({"NO_COLOR": "1"}, ["--color", "auto"], False),
    ],
)
def test_color_of_an_answer_on_a_terminal(
    home: dict[str, str], heading: Path, environ: dict[str, str], flags: list[str], colored: bool
) -> None:
    with start(home, *flags, "-m", str(heading), "--no-save", "hi", environ=environ) as terminal:
        assert terminal.exit() == 0
        assert "Title" in terminal.text
    assert (b";35m" in terminal.bytes or b"[35m" in terminal.bytes) == colored


@pytest.mark.parametrize("term", ["dumb", "", "unknown"])
def test_a_dumb_terminal_gets_plain_text(home: dict[str, str], thinker: Path, term: str) -> None:
    with start(home, "-m", str(thinker), "--no-save", "hi", environ={"TERM": term}) as terminal:
        assert terminal.exit() == 0
        assert terminal.lines[-1] == ANSWER
        assert "Thought for" in terminal.text
    assert b"\x1b" not in terminal.bytes


@pytest.mark.parametrize(
    ("environ", "flags", "colored"),
    [
        ({}, [], False),
        ({"FORCE_COLOR": "1"}, [], True),
        ({"FORCE_COLOR": "0"}, [], False),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, [], False),
        ({"FORCE_COLOR": "1"}, ["--color", "never"], False),
        ({}, ["--color", "always"], True),
        ({"TERM": "dumb"}, ["--color", "always"], True),
    ],
)
def test_color_of_an_error_in_a_pipe(
    mull: Run, environ: dict[str, str], flags: list[str], colored: bool
) -> None:
    done = mull(*flags, "-m", "nothing.gguf", "hi", env=environ)
    assert done.returncode == 1
    assert bool(COLOR.search(done.stderr)) == colored
    assert COLOR.sub(b"", done.stderr).startswith(b"Error: ")


@pytest.mark.parametrize("environ", [{"FORCE_COLOR": "1"}, {"TERM": "xterm-256color"}, {"TERM": "dumb"}])
def test_no_color_setting_changes_an_answer_in_a_pipe(
    mull: Run, heading: Path, environ: dict[str, str]
) -> None:
    assert mull("-m", heading, "hi", env=environ).stdout == b"# Title\n\nText\n"
    assert mull("--color", "always", "-m", heading, "hi", env=environ).stdout == b"# Title\n\nText\n"


@pytest.mark.parametrize(
    ("said", "written"),
    [
        (["a"], b"a\n"),
        (["a\n"], b"a\n"),
        (["a\n", "\n\n"], b"a\n\n\n"),
        (["a\r\n"], b"a\r\n"),
        (["a "], b"a \n"),
    ],
)
def test_one_final_newline_and_otherwise_the_models_bytes(
    mull: Run, tmp_path: Path, said: list[str], written: bytes
) -> None:
    model = write_scripted(tmp_path / "m.gguf", said, template=CHATML)
    assert mull("-m", model, "hi").stdout == written


def test_invalid_utf8_from_the_model_becomes_the_replacement_character(mull: Run, tmp_path: Path) -> None:
    model = write_scripted(tmp_path / "m.gguf", ["a", b"\xff", "b", "é".encode()[:1]], template=CHATML)
    assert mull("-m", model, "hi").stdout.decode() == "a\ufffdb\ufffd\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("words", [("-m", "nothing.gguf", "hi"), ("list",)])
def test_a_full_disk_leaves_the_error_on_stderr(home: dict[str, str], words: tuple[str, ...]) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "mull", *words, "--json"],
            stdin=subprocess.DEVNULL,
            stdout=full,
            stderr=subprocess.PIPE,
            env=home,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr.startswith(b"Error: ")
    assert b"Traceback" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("form", ["--no-markdown", "--json", "--jsonl", "-o/dev/stdout"])
def test_a_full_disk_is_named_whatever_the_form(home: dict[str, str], thinker: Path, form: str) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "mull", "-m", thinker, "--no-reason", form, "hi"],
            stdin=subprocess.DEVNULL,
            stdout=full,
            stderr=subprocess.PIPE,
            env=home,
            check=False,
        )
    assert done.returncode == 1
    assert b"could not be written: No space left on device." in done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("color", ["sometimes", ""])
def test_an_unknown_color_is_a_usage_error(mull: Run, color: str) -> None:
    done = mull("--color", color, "hi")
    assert done.returncode == 2
    assert b"--color is auto, always or never" in done.stderr


@pytest.mark.parametrize("flags", [["-x"], ["-o", "/dev/null"]])
def test_the_panel_is_shown_while_the_answer_goes_to_a_file(
    home: dict[str, str], thinker: Path, tmp_path: Path, flags: list[str]
) -> None:
    """What goes elsewhere is not drawn; the thinking still is."""
    with start(home, "-m", str(thinker), "--no-save", *flags, "hi", stdout=tmp_path / "out") as terminal:
        code = terminal.exit()
        assert "Thought for" in terminal.text
    assert (tmp_path / "out").read_bytes() == b""
    assert code == (1 if flags == ["-x"] else 0)
    assert (ANSWER in terminal.text) == (flags == ["-x"])


def test_a_hangup_saves_the_answer_and_exits(home: dict[str, str], slow: Path) -> None:
    """The window is closed during an answer."""
    import os

    with start(home, "-m", str(slow), "--no-reason", "--session", "night", "hi") as terminal:
        terminal.wait("word5")
        os.kill(terminal.process.pid, signal.SIGHUP)
        assert terminal.exit() == -signal.SIGHUP
        assert terminal.mode == terminal.mode_before


def test_json_on_a_terminal_is_not_rendered_as_markdown(home: dict[str, str], tmp_path: Path) -> None:
    model = write_scripted(tmp_path / "m.gguf", ['{"a_b_c": "*x* `y`"}'], template=CHATML)
    words = ("-m", str(model), "--no-save", "--no-reason", "--schema", "a_b_c", "hi")
    with start(home, *words) as terminal:
        assert terminal.exit() == 0
        assert terminal.lines[-1] == '{"a_b_c": "*x* `y`"}'
