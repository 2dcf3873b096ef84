"""Shell completion, through the process that the shell starts when Tab is pressed."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import shellingham
import typer

from docgen import man
from mull.commands import shell_completion
from mull.commands._completion_scripts import SCRIPTS, script
from mull.errors import MullError
from mull.store.sessions import open_store
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


def test_a_session_whose_name_cannot_be_typed_is_offered_by_id(mull: Run, home: dict[str, str]) -> None:
    with open_store(Path(home["MULL_STATE_DIR"]) / "sessions.db") as store:
        ids = [store.start(name=name).id for name in ("x\u202ey", "-rf")]
    found = mull("sessions", "show", "", env={"_MULL_COMPLETE": "zsh"}).stdout.decode()
    assert {line.partition("\t")[0] for line in found.splitlines()} == {*ids}


def test_templates(mull: Run, tmp_path: Path) -> None:
    folder = tmp_path / ".mull" / "templates"
    folder.mkdir(parents=True)
    (folder / "commit.toml").write_text('prompt = "x"')
    assert completed(mull, "mull -t com") == ["commit"]


def test_a_broken_config_costs_no_completions(mull: Run, home: dict[str, str]) -> None:
    (Path(home["MULL_CONFIG_DIR"]) / "config.toml").write_text("nonsense")
    assert completed(mull, "mull -m peb") == ["pebble"]


def test_zsh_fish_and_powershell(mull: Run) -> None:
    zsh = {"_MULL_COMPLETE": "complete_zsh", "_TYPER_COMPLETE_ARGS": "mull pull gpt-oss-1"}
    assert b"gpt-oss-120b" in mull(env=zsh).stdout
    fish = {**zsh, "_MULL_COMPLETE": "complete_fish", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    assert mull(env=fish).stdout.startswith(b"gpt-oss-120b")
    power = {**zsh, "_MULL_COMPLETE": "complete_pwsh", "_TYPER_COMPLETE_WORD_TO_COMPLETE": "gpt-oss-1"}
    assert mull(env=power).stdout.startswith(b"gpt-oss-120b")


@pytest.fixture
def hostile(tmp_path: Path) -> None:
    """Templates that a shell would like to run, and two that are harmless."""
    folder = tmp_path / ".mull" / "templates"
    folder.mkdir(parents=True)
    for name in ("x\\$(touch pwned)", "x`y`", "x y", "x'y", "x:y", "x*", "x\ny", "xX-1.b", "xx"):
        (folder / f"{name}.toml").touch()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell", "pwsh"])
def test_a_script_that_typer_wrote_gets_harmless_names_only(mull: Run, hostile: None, shell: str) -> None:
    line = {"COMP_WORDS": "mull -t x", "COMP_CWORD": "2", "_TYPER_COMPLETE_ARGS": "mull -t x"}
    if shell == "fish":
        line["_TYPER_COMPLETE_FISH_ACTION"] = "get-args"
    if shell.startswith("p"):
        line["_TYPER_COMPLETE_WORD_TO_COMPLETE"] = "x"
    out = mull(env={"_MULL_COMPLETE": f"complete_{shell}", **line}).stdout.decode()
    if shell == "zsh":
        assert out in {f"_arguments '*: :(({names}))'\n" for names in ('"xX-1.b" "xx"', '"xx" "xX-1.b"')}
    else:
        assert {line.removesuffix("::: ") for line in out.splitlines()} == {"xX-1.b", "xx"}


def test_powershell_gets_names_quoted(mull: Run, hostile: None) -> None:
    typed = {"_MULL_COMPLETE": "powershell", "_MULL_LINE": "mull -t x", "_MULL_WORD": "x"}
    rows = [line.split("\t") for line in mull(env=typed).stdout.decode().splitlines()]
    assert {text: shown for text, shown, help_ in rows if help_.endswith(".toml")} == {
        "'x\\$(touch pwned)'": "x\\$(touch pwned)",
        "'x`y`'": "x`y`",
        "'x y'": "x y",
        "'x''y'": "x'y",
        "'x:y'": "x:y",
        "'x*'": "x*",
        "xX-1.b": "xX-1.b",
        "xx": "xx",
    }


def test_no_script_evaluates_what_it_gets() -> None:
    assert not [shell for shell in SCRIPTS if re.search(r"\beval\b|Invoke-Expression|iex\b", script(shell))]


def test_a_line_that_asks_for_the_script_is_completed_and_installs_nothing(
    mull: Run, home: dict[str, str]
) -> None:
    state = Path(home["HOME"], "state")  # has caches

    def installed() -> list[Path]:
        return sorted(path for path in Path(home["HOME"]).rglob("*") if not path.is_relative_to(state))

    before = installed()
    for option in ("--install-completion", "--show-completion"):
        typed = mull(option, "show", "gpt-oss-1", env={"_MULL_COMPLETE": "zsh"}).stdout
        assert typed.startswith(b"gpt-oss-120b\t")
    assert installed() == before


@pytest.mark.parametrize(
    ("shell", "files"),
    [
        ("bash", {".bash_completions/mull.sh", ".bashrc"}),
        ("zsh", {".zfunc/_mull", ".zshrc"}),
        ("fish", {".config/fish/completions/mull.fish"}),
    ],
)
def test_installing_twice_changes_each_file_once(
    shell: str, files: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "it's $(home)"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setattr(shellingham, "detect_shell", lambda: (shell, f"/bin/{shell}"))
    contents = []
    for _ in range(2):
        with pytest.raises(typer.Exit):
            shell_completion.install()
        contents.append({path: path.read_bytes() for path in home.rglob("*") if path.is_file()})
    assert contents[0] == contents[1]
    assert {str(path.relative_to(home)) for path in contents[0]} == files
    if shell == "bash":
        checked = subprocess.run(
            ["bash", "-c", f". {shlex.quote(str(home / '.bashrc'))}; complete -p mull"],
            capture_output=True,
            check=False,
        )
        assert b"_mull_completion" in checked.stdout


def test_a_shell_that_mull_does_not_know(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shellingham, "detect_shell", lambda: ("tcsh", "/bin/tcsh"))
    with pytest.raises(MullError, match="tcsh"):
        shell_completion.show()


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
