"""What Tab offers is inert: real shells, the real scripts, and names that every shell would like to run.

A first Tab asks the real mull. Its lines are then offered one by one and accepted, and the program has to get the very
name. `pwned` must not come to be at any time.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from mull.store.sessions import open_store

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
if sys.platform != "win32":
    from tests.terminal.harness import Terminal

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "docs" / "completion"
RUN = ("$(touch pwned)", "`touch pwned`", "(touch pwned)", ";touch pwned;", "&touch pwned&", "|touch pwned")
HOSTILE = (
    *RUN,
    *(f"\\{one}" for one in RUN),
    *(f"\\\\{one}" for one in RUN),
    *(f'"{one}"' for one in RUN),
    *(f"'{one}'" for one in RUN),
    *(f"x' {one} 'y" for one in RUN[:3]),
    *(f":\"))' {one} '" for one in RUN[:3]),
    *("${(e)${:-$(touch pwned)}}", "*(e:touch pwned:)", "x(e'(touch pwned)')", "$((1+$(touch pwned)))"),
    *("it's", "'", '"', 'a"b', "a\\b", "back\\", "\\", "a\\'b", "a<b>c", ">pwned", "{a,b}", "{1..3}", "[ab]"),
    *("*", "?", "a*", "~", "~root", "#c", "a#c", "!!", "a!b", "!$", "a:b", ":c", "a\\:b", "=ls", "a=b", "="),
    *(
        "%self",
        "100%",
        "%(?.a.b)",
        "%n",
        "^a^b",
        "^a",
        " lead",
        "trail ",
        "a  b",
        "a\\ b",
        "$HOME",
        "${HOME}",
    ),
    *("@a", "a@b", "a,b", "a;b", "a:=b", "ünïcode", "日本", "‘x’", "a–b", "$'\\n'", "a:::b", "a -- b"),
)
LEFT_OUT = (
    "a\nb",
    "a\tb",
    "a\x1b[31mb",
    "a\x07b",
    "a\rb",
    "a\u202eb",
    "a\x9bb",
    "a\u200bb",
    "-x",
    "--all",
    "\udcff",
)
LAST = "zzz"

STUB = """#!/bin/sh
if [ -z "$_MULL_COMPLETE" ]; then
  printf '%s\\0' "$@" > "$DESK/typed.new" && mv "$DESK/typed.new" "$DESK/typed"
elif [ -e "$DESK/answer" ]; then
  cat "$DESK/answer"
else
  "$PYTHON" -m mull "$@" > "$DESK/lines.new"
  cat "$DESK/lines.new"
  mv "$DESK/lines.new" "$DESK/lines"
fi
"""

SETUP = {
    "bash": '. "$SCRIPTS/mull.bash"; PS1="ready> "; set +o history -H; bind "set completion-query-items 0"; '
    'bind "set page-completions off"; bind "set enable-bracketed-paste off"',
    "zsh": 'fpath=("$SCRIPTS" $fpath); autoload -Uz compinit; compinit -u -D; PS1="ready> "; LISTMAX=9999; '
    "unsetopt zle_bracketed_paste always_last_prompt 2>/dev/null; setopt bang_hist; cd $DESK",
    "fish": 'function fish_prompt; printf "ready> "; end; source "$SCRIPTS/mull.fish"; function fish_greeting; end',
}


def shell_or_skip(name: str) -> str:
    program = shutil.which(name)
    if program is None:
        pytest.skip(f"needs {name}")
    return program


@dataclass
class Shell:
    """A shell in a pseudo-terminal, in a folder of its own where `pwned` would appear."""

    name: str
    terminal: Terminal
    desk: Path

    def offers(self, line: str) -> list[str]:
        """Press Tab three times after a line; the lines that mull gave the script. The line is given up."""
        self.terminal.press(f"{line}\t")
        self.terminal.wait((self.desk / "lines").exists, "mull's answer")
        lines = (self.desk / "lines").read_text().splitlines()
        (self.desk / "lines").unlink()
        (self.desk / "answer").write_text("".join(f"{line}\n" for line in lines))
        self.terminal.press("\t\t")
        self.terminal.wait(lines[-1].partition("\t")[0])
        self.give_up()
        return lines

    def give_up(self) -> None:
        before = self.terminal.bytes.count(b"ready> ")
        pressed = 0.0

        def prompted() -> bool:
            nonlocal pressed
            if time.monotonic() - pressed > 2:  # a shell that is still drawing its candidates may swallow one
                self.terminal.press("\x03")
                pressed = time.monotonic()
            return self.terminal.bytes.count(b"ready> ") > before

        self.terminal.wait(prompted, "a new prompt")

    def accepts(self, offered: str, line: str) -> list[str]:
        """Press Tab and Enter after a line while `offered` is the only candidate; the words that mull gets."""
        (self.desk / "answer").write_text(offered + "\n")
        return self.completes(line)

    def completes(self, line: str) -> list[str]:
        """Press Tab and Enter after a line; the words that mull gets."""
        self.terminal.press(f"{line}\t\r")
        typed = self.desk / "typed"
        self.terminal.wait(typed.exists, "mull's words")
        words = typed.read_bytes().decode().split("\0")[:-1]
        typed.unlink()
        return words

    @property
    def ran_something(self) -> bool:
        time.sleep(0.05)  # a background job may be under way
        return (self.desk / "pwned").exists()


StartShell = Callable[[str], Shell]


@pytest.fixture
def start(home: dict[str, str], tmp_path: Path) -> Iterator[StartShell]:
    running: list[Terminal] = []

    def start(name: str) -> Shell:
        program, desk = shell_or_skip(name), tmp_path / "desk"
        (tmp_path / "bin").mkdir()
        stub = tmp_path / "bin" / "mull"
        stub.write_text(STUB)
        stub.chmod(0o755)
        settings = tmp_path / "settings"
        settings.mkdir()
        (settings / (".zshrc" if name == "zsh" else "rc")).write_text(SETUP[name] + "\n")
        arguments = {
            "bash": [program, "--noprofile", "--rcfile", str(settings / "rc"), "-i"],
            "zsh": [program, "-i"],
            "fish": [program, "--no-config", "-i", "-C", SETUP["fish"]],
        }[name]
        where = {
            "DESK": str(desk),
            "PYTHON": sys.executable,
            "SCRIPTS": str(SCRIPTS),
            "ZDOTDIR": str(settings),
        }
        environment = {**home, **where, "PATH": f"{tmp_path / 'bin'}:{home['PATH']}", "HISTFILE": "/dev/null"}
        launch = ["/bin/sh", "-c", 'cd "$DESK" && exec "$@"', "sh", *arguments]
        terminal = Terminal(launch, environ=environment, columns=150, rows=140)
        running.append(terminal.__enter__())
        terminal.wait("ready>")
        return Shell(name, terminal, desk)

    (tmp_path / "desk").mkdir()
    yield start
    for terminal in running:
        terminal.__exit__(None, None, None)


@pytest.fixture
def templates(tmp_path: Path) -> None:
    folder = tmp_path / "desk" / ".mull" / "templates"
    folder.mkdir(parents=True)
    for name in (*HOSTILE, *LEFT_OUT, LAST):
        (folder / f"{name}.toml").write_text('prompt = "x"')


@pytest.fixture
def sessions(home: dict[str, str]) -> None:
    with open_store(Path(home["MULL_STATE_DIR"]) / "sessions.db") as store:
        for title in (*HOSTILE, *LEFT_OUT[:-1], LAST):
            session = store.start()
            store.begin_turn(session.id, title)


@pytest.mark.parametrize("name", SETUP)
def test_a_name_is_inserted_as_it_is_and_runs_nothing(name: str, start: StartShell, templates: None) -> None:
    shell = start(name)
    lines = shell.offers("mull -t ")
    names = {name for name in (*HOSTILE, LAST) if shell.name != "fish" or not name.startswith("~")}
    assert len(lines) == len(names)  # and none of LEFT_OUT
    assert not shell.ran_something
    accepted = {tuple(shell.accepts(line, "mull -t ")) for line in lines}
    expected = {("-t", name) for name in names}
    wrong, missing = sorted(accepted - expected), sorted(expected - accepted)
    assert not wrong, missing
    assert not shell.ran_something


@pytest.mark.parametrize("name", SETUP)
def test_a_title_runs_nothing(name: str, start: StartShell, sessions: None) -> None:
    shell = start(name)
    offered = shell.offers("mull sessions show ")
    assert len(offered) == len(HOSTILE) + len(LEFT_OUT)
    assert not [line for line in offered if not line.replace("\t", "").isprintable()]
    assert not shell.ran_something


@pytest.mark.parametrize("name", SETUP)
@pytest.mark.parametrize(
    ("line", "offered", "words"),
    [
        ("mull -t a\\ b", "a b$(touch pwned)", ("-t", "a b$(touch pwned)")),
        ("mull -t 'a b", "a b$(touch pwned)", ("-t", "a b$(touch pwned)")),
        ('mull -t "a b', "a b`touch pwned`", ("-t", "a b`touch pwned`")),
        ("mull -t a:", "a:b;touch pwned", ("-t", "a:b;touch pwned")),
        ("mull --template=a", "a$(touch pwned)", ("--template=a$(touch pwned)",)),
    ],
)
def test_a_word_that_is_begun(
    name: str, line: str, offered: str, words: tuple[str, ...], start: StartShell
) -> None:
    shell = start(name)
    folder = shell.desk / ".mull" / "templates"
    folder.mkdir(parents=True)
    (folder / f"{offered}.toml").write_text('prompt = "x"')
    assert shell.completes(line) == [*words]
    assert not shell.ran_something


@pytest.mark.parametrize("name", SETUP)
def test_files_of_a_system_prompt(name: str, start: StartShell) -> None:
    shell = start(name)
    (shell.desk / "briefs").mkdir()
    (shell.desk / "briefs" / "one $(touch pwned).txt").touch()
    assert shell.completes("mull -s @bri") == ["-s", "@briefs/one $(touch pwned).txt"]
    assert not shell.ran_something


@pytest.mark.parametrize("name", SETUP)
def test_files_where_mull_offers_nothing(name: str, start: StartShell) -> None:
    shell = start(name)
    (shell.desk / "one $(touch pwned).txt").touch()
    (shell.desk / "answer").touch()
    assert shell.completes("mull -f on") == ["-f", "one $(touch pwned).txt"]
    assert not shell.ran_something
