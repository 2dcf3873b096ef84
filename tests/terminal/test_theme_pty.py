"""The theme in real terminals: the background's colour, keys typed meanwhile, /theme, and what never imports rich."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import pytest

from tests.conftest import Run
from tests.terminal.harness import Terminal

ACCENT = {"dark": b"38;2;56;177;192", "light": b"38;2;10;109;122", "ansi": b"[0;36;1m"}  # the prompt's mark
TRUE = {"COLORTERM": "truecolor"}
WHITE, BLACK = "rgb:ffff/ffff/ffff\x1b\\", "rgb:0000/0000/0000\a"


def mull_in(home: dict[str, str], words: Sequence[str], background: str = "", **environ: str) -> Terminal:
    command = [sys.executable, "-m", "mull", *words]
    return Terminal(command, environ={**home, **TRUE, **environ}, background=background)


@pytest.mark.parametrize(
    ("background", "words", "environ", "theme"),
    [
        (WHITE, [], {}, "light"),
        ("rgb:fd/f6/e3\x1b\\", [], {}, "light"),
        (BLACK, [], {}, "dark"),
        ("rgba:0000/2b2b/3636/ffff\a", [], {}, "dark"),
        ("", [], {}, "ansi"),
        (WHITE, [], {"COLORTERM": "", "TERM": "xterm"}, "ansi"),
        (WHITE, ["--theme", "dark"], {"MULL_THEME": "ansi"}, "dark"),
        (WHITE, ["--theme=ansi"], {}, "ansi"),
        (WHITE, [], {"MULL_THEME": "dark"}, "dark"),
    ],
)
def test_the_background_chooses_the_theme(
    home: dict[str, str], background: str, words: list[str], environ: dict[str, str], theme: str
) -> None:
    with mull_in(home, ["--no-save", *words], background, **environ) as terminal:
        terminal.wait(lambda: terminal.at_prompt, "the prompt")
    for name, codes in ACCENT.items():
        assert (codes in terminal.bytes) == (name == theme)
    assert "rgb:" not in terminal.text  # the answer is not echoed


def test_keys_typed_while_the_terminal_answers_reach_the_prompt(home: dict[str, str]) -> None:
    with mull_in(home, ["--no-save"], f"{BLACK}half a quest") as terminal:
        terminal.wait("half a quest")
        terminal.press("ion\r")
        terminal.wait("> half a question")


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        ("helo\x7flo", "> hello"),  # Backspace
        ("one two\x17three", "> one three"),  # Ctrl+W
        ("bc\x01a", "> abc"),  # Ctrl+A
        ("ac\x1b[Db", "> abc"),  # an arrow
        ("first\x1b\rsecond", "  second"),  # Alt+Enter
        ("abc\x04", "> abc"),  # as at the prompt: there is nothing to delete after the text
    ],
)
def test_editing_keys_typed_while_the_terminal_answers_reach_the_prompt(
    home: dict[str, str], keys: str, line: str
) -> None:
    with mull_in(home, ["--no-save"], f"{BLACK}{keys}\x1b[?62c") as terminal:
        terminal.wait(lambda: line in terminal.lines, line)


@pytest.mark.parametrize(
    "answer",
    [
        f"{BLACK}\x04\x1b[?62c",  # between two answers
        "rgb:0000/0000\x04/0000\a\x1b[?62c",  # within one
        f"{BLACK}\x1b[?62c\x04",  # after the last one
        f"{BLACK}\x04",  # the last one never comes
    ],
)
def test_ctrl_d_while_the_terminal_answers_leaves(home: dict[str, str], answer: str) -> None:
    with mull_in(home, ["--no-save"], answer) as terminal:
        assert terminal.exit() == 0
    assert "rgb:" not in terminal.text


def test_a_list_asks_nothing_and_takes_what_the_terminal_said_before(home: dict[str, str]) -> None:
    """A question would read what is typed for the shell meanwhile."""
    with mull_in(home, ["config", "list"], BLACK) as terminal:
        assert terminal.exit() == 0
    assert b"]11;?" not in terminal.bytes
    assert ACCENT["dark"] not in terminal.bytes
    with mull_in(home, ["--no-save"], BLACK) as terminal:
        terminal.wait(lambda: terminal.at_prompt, "the prompt")
    with mull_in(home, ["config", "list"], WHITE) as terminal:
        assert terminal.exit() == 0
    assert b"]11;?" not in terminal.bytes
    assert ACCENT["dark"] in terminal.bytes


def test_slash_theme_changes_the_prompt_at_once(home: dict[str, str]) -> None:
    with mull_in(home, ["--no-save"], BLACK) as terminal:
        terminal.wait(lambda: terminal.at_prompt, "the prompt")
        terminal.press("/theme light\r")
        terminal.wait("The theme is light")
        before = len(terminal.bytes)
        terminal.press("x")
        terminal.wait("> x")
        terminal.press("\x08/theme\r")
        terminal.wait("Theme · 5")
        terminal.press("\r")
        terminal.wait(lambda: terminal.text.count("The theme is light") == 2, "the theme, named again")
    assert b"38;2;10;109;122" in terminal.bytes[before:]
    assert b"38;2;56;177;192" not in terminal.bytes[before:]


def test_the_config_names_the_theme_and_single_styles(mull: Run, home: dict[str, str]) -> None:
    assert mull("config", "set", "theme", "light").returncode == 0
    with mull_in(home, ["--no-save"], BLACK) as terminal:
        terminal.wait(lambda: terminal.at_prompt, "the prompt")
    assert ACCENT["light"] in terminal.bytes


def test_a_broken_style_is_an_error_where_it_would_be_drawn(mull: Run, home: dict[str, str]) -> None:
    path = mull("config", "path").stdout.decode().strip()
    with open(path, "a", encoding="utf-8") as file:
        file.write('[theme]\naccent = "blood"\n')
    assert mull("--no-save", "7 + 5").stdout.strip() == b"12"  # a pipe draws nothing
    with mull_in(home, ["--no-save", "7 + 5"]) as terminal:
        assert terminal.exit() == 1
        assert "theme.accent" in terminal.text
        assert "line 3" in " ".join(terminal.text.split())


@pytest.mark.parametrize("words", [["--theme", "drak", "hi"], ["--theme"], ["--theme=", "hi"]])
def test_an_unknown_theme_is_a_usage_error(mull: Run, words: list[str]) -> None:
    done = mull(*words)
    assert done.returncode == 2
    assert b"theme" in done.stderr
    assert done.stdout == b""


@pytest.mark.parametrize(
    "words",
    [
        ["--version"],
        ["models", "--help"],
        ["--no-save", "7 + 5"],
        ["--no-save", "--json", "7 + 5"],
        ["--no-save", "--jsonl", "7 + 5"],
        ["models"],
        ["models", "--json"],
        ["show", "pebble"],
        ["config"],
        ["sessions"],
        ["models", "--nonsense"],
        ["-m", "nothing-like-it", "hi"],
    ],
)
def test_pipes_and_errors_never_import_rich(mull: Run, words: list[str]) -> None:
    done = mull(*words, env={"PYTHONPROFILEIMPORTTIME": "1"})
    assert b"mull.app" in done.stderr
    assert b"| rich" not in done.stderr


@pytest.mark.parametrize(
    "words", [["--version"], ["ask", "--help"], ["models", "--nonsense"], ["-m", "none", "hi"]]
)
def test_help_and_errors_on_a_terminal_never_import_rich(home: dict[str, str], words: list[str]) -> None:
    with mull_in(home, words, PYTHONPROFILEIMPORTTIME="1") as terminal:
        terminal.exit()
    assert b"mull.app" in terminal.bytes
    assert not [line for line in terminal.bytes.splitlines() if line.partition(b"|")[2].find(b"| rich") >= 0]
