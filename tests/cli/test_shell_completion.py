"""Shell completion, through the process that the shell starts when Tab is pressed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from docgen import man
from tests.conftest import Run

ROOT = Path(__file__).parents[2]


def completed(mull: Run, line: str) -> list[str]:
    """The completions that bash gets for the last word of a line."""
    words = line.split(" ")
    done = mull(
        env={"_MULL_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    )
    assert done.stderr == b""
    return done.stdout.decode().split()


def test_the_first_word_is_a_command_or_an_option_of_a_bare_question(mull: Run) -> None:
    assert {"ask", "chat", "models", "pull", "config"} <= set(completed(mull, "mull "))
    assert completed(mull, "mull cha") == ["chat"]
    assert completed(mull, "mull --no-re") == ["--no-reason"]
    assert "--version" in completed(mull, "mull --ver")


def test_options_after_a_prompt_are_completed(mull: Run) -> None:
    assert completed(mull, "mull hello --no-re") == ["--no-reason"]


def test_models(mull: Run) -> None:
    assert completed(mull, "mull -m peb") == ["pebble"]
    assert "gpt-oss-20b" in completed(mull, "mull pull gpt-oss")
    assert completed(mull, "mull rm gpt-oss") == []


def test_sessions_by_name(mull: Run, thinker: Path) -> None:
    assert completed(mull, "mull ask --session fi") == []
    mull("-m", thinker, "--session", "fix", "hi")
    assert completed(mull, "mull ask --session fi") == ["fix"]
    assert completed(mull, "mull sessions show fi") == ["fix"]


def test_templates(mull: Run, tmp_path: Path) -> None:
    folder = tmp_path / ".mull" / "templates"
    folder.mkdir(parents=True)
    (folder / "commit.toml").write_text('prompt = "x"')
    assert completed(mull, "mull -t com") == ["commit"]


def test_a_broken_config_gives_no_completions_and_no_traceback(mull: Run, home: dict[str, str]) -> None:
    (Path(home["MULL_CONFIG_DIR"]) / "config.toml").write_text("nonsense")
    assert completed(mull, "mull -m peb") == []


def test_zsh_fish_and_powershell(mull: Run) -> None:
    zsh = {"_MULL_COMPLETE": "complete_zsh", "_TYPER_COMPLETE_ARGS": "mull pull gpt-oss-1"}
    assert b"gpt-oss-120b" in mull(env=zsh).stdout
    fish = {**zsh, "_MULL_COMPLETE": "complete_fish", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    assert mull(env=fish).stdout.startswith(b"gpt-oss-120b")
    power = {**zsh, "_MULL_COMPLETE": "complete_pwsh", "_TYPER_COMPLETE_WORD_TO_COMPLETE": "gpt-oss-1"}
    assert mull(env=power).stdout.startswith(b"gpt-oss-120b")


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_the_bash_script_completes(home: dict[str, str], tmp_path: Path) -> None:
    program = tmp_path / "mull"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m mull "$@"\n')
    program.chmod(0o755)
    script = ROOT / "docs" / "completion" / "mull.bash"
    typed = (
        f'. "{script}"; COMP_WORDS=(mull cha); COMP_CWORD=1; _mull_completion mull; echo "${{COMPREPLY[@]}}"'
    )
    done = subprocess.run(
        ["bash", "-c", typed],
        env={**home, "PATH": f"{tmp_path}:{home['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("chat\n", "")


@pytest.mark.skipif(shutil.which("groff") is None, reason="needs groff")
@pytest.mark.parametrize("name", ["mull.1", "mull-ask.1", "mull-sessions.1"])
def test_man_pages_render_without_a_warning(name: str) -> None:
    page = man.pages()[name]
    done = subprocess.run(
        ["groff", "-man", "-Tutf8", "-ww"], input=page, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "mull manual" in done.stdout
