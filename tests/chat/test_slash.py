"""The table of slash commands: everything in it works, is helped with, completed and documented."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docgen.chat import table
from mull.commands.chat import (
    loop,  # noqa: F401 - binds the actions
    slash,
)
from mull.commands.chat.registry import ACTIONS

DOCS = Path(__file__).parents[2] / "docs" / "chat.md"
CONTRACT = [
    "help",
    "model",
    "reason",
    "effort",
    "think",
    "nothink",
    "thinking",
    "system",
    "file",
    "template",
    "retry",
    "continue",
    "edit",
    "undo",
    "copy",
    "new",
    "open",
    "save",
    "sessions",
    "export",
    "set",
    "theme",
    "stats",
    "context",
    "quit",
]


def test_the_table_holds_the_contract_s_commands_and_each_does_something() -> None:
    assert [command.name for command in slash.COMMANDS] == CONTRACT
    assert set(ACTIONS) == set(CONTRACT)


@pytest.mark.parametrize(
    ("line", "name", "argument"),
    [
        ("/help", "help", ""),
        ("  /MODEL qwen3-8b ", "model", "qwen3-8b"),
        ("/?", "help", ""),
        ("/bye", "quit", ""),
        ("/exit", "quit", ""),
        ("/mo", "model", ""),
        ("/sess elephants", "sessions", "elephants"),
        ("/think why\nso?", "think", "why\nso?"),
        ("/think\nwhy?", "think", "why?"),
        ("/think why?\nx", "think", "why?\nx"),
        ("exit", "quit", ""),
        (" Quit ", "quit", ""),
        ("exit()", "quit", ""),
        (":q", "quit", ""),
        ("bye", "quit", ""),
        ("help", "help", ""),
        ("?", "help", ""),
    ],
)
def test_commands(line: str, name: str, argument: str) -> None:
    meant = slash.parse(line)
    assert isinstance(meant, slash.Call)
    assert (meant.command.name, meant.argument) == (name, argument)


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("why?", "why?"),
        ("/etc/hosts is what?", "/etc/hosts is what?"),
        ("//help me", "/help me"),
        ("a /help", "a /help"),
        ("/etc/hosts", "/etc/hosts"),
        ("/2 is a half?", "/2 is a half?"),
        ("exit code 3?", "exit code 3?"),
        ("help me", "help me"),
        ("help\nexit", "help\nexit"),
        ("quit?", "quit?"),
        ("//exit", "/exit"),
        ("    x = 1\n    y = 2\n", "    x = 1\n    y = 2"),
        ("\n\t\u3000x\u200d ", "\t\u3000x\u200d"),
        ("// a comment", "// a comment"),
        ("//a comment\nint x;", "//a comment\nint x;"),
        ("//help me\nplease", "/help me\nplease"),
        ("/dev is full\nwhy?", "/dev is full\nwhy?"),
        ("  /help\nme", "  /help\nme"),
        ("", ""),
    ],
)
def test_questions(line: str, text: str) -> None:
    assert slash.parse(line) == slash.PlainText(text)


@pytest.mark.parametrize(
    ("line", "nearest"),
    [("/modle x", "model"), ("/retyr", "retry"), ("/thi", "think"), ("/xyzzy", None), ("/", None)],
)
def test_unknown_words_name_the_nearest(line: str, nearest: str | None) -> None:
    meant = slash.parse(line)
    assert isinstance(meant, slash.Unknown)
    assert meant.nearest == nearest


def test_help_fits_one_screen() -> None:
    lines = slash.help_lines(80)
    assert len(lines) <= 24 - 3  # the prompt and its toolbar are there too
    assert max(map(len, lines)) < 80
    for command in slash.COMMANDS:
        assert sum(command.usage in line for line in lines) == 1


@pytest.mark.parametrize("columns", [20, 40, 60, 79, 80, 200])
def test_help_never_exceeds_the_width(columns: int) -> None:
    assert max(map(len, slash.help_lines(columns))) < max(columns, 21)
    for command in slash.COMMANDS:
        assert max(map(len, slash.help_on(command.name, columns))) < max(columns, 21)


def test_help_on_one() -> None:
    assert slash.help_on("/quit", 80) == ["/quit", "Leave the chat. Also: /bye, /exit."]
    with pytest.raises(KeyError):
        slash.help_on("nothing", 80)


def test_completion_offers_names_with_their_help() -> None:
    assert list(slash.completions("/co")) == [
        ("/continue", "continue the answer"),
        ("/copy", "copy the answer"),
        ("/context", "what fills it"),
    ]
    assert len(list(slash.completions("/"))) == len(slash.COMMANDS)
    assert list(slash.completions("/copy ")) == []
    assert list(slash.completions("copy")) == []


def test_the_docs_page_has_the_table() -> None:
    assert table() in DOCS.read_text(encoding="utf-8")


def test_help_and_docs_say_enough() -> None:
    for command in slash.COMMANDS:
        assert len(command.help) <= 22
        assert re.search(r"\.$", command.about)
        assert (command.completes == "choice") == bool(command.choices)
