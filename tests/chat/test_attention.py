"""The window's title, and what announces a slow answer, each only where the terminal can."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

if sys.platform == "win32":
    pytest.skip("needs a pseudo-terminal", allow_module_level=True)

Chat = Callable[..., "object"]
NOWHERE = {"TMUX": "", "STY": "", "TERM_PROGRAM": ""}


def configure(home: dict[str, str], text: str) -> None:
    folder = Path(home["MULL_CONFIG_DIR"])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.toml").write_text(text)


def test_the_title_names_the_conversation_and_is_restored(chat: Chat, thinker: Path) -> None:
    with chat(thinker, env=NOWHERE) as terminal:
        terminal.say("What \x0bis it?")
        terminal.wait(lambda: terminal.screen.title.startswith("mull: What"), "the title")
        terminal.say("/save ask")
        terminal.wait(lambda: terminal.screen.title == "mull: ask", "the new name")
        terminal.leave()
        assert terminal.bytes.count(b"\x1b[22;2t") == 1
        assert terminal.bytes.count(b"\x1b[23;2t") == 1


@pytest.mark.parametrize(
    ("arguments", "environ", "config"),
    [((), {"TERM": "linux"}, ""), ((), {}, "title = false\n")],
    ids=["linux console", "config"],
)
def test_no_title_where_there_is_none(
    chat: Chat,
    thinker: Path,
    home: dict[str, str],
    arguments: tuple[str, ...],
    environ: dict[str, str],
    config: str,
) -> None:
    configure(home, config)
    with chat(thinker, *arguments, env=NOWHERE | environ) as terminal:
        terminal.say("What is it?")
        terminal.shows("Forty-two.")
        terminal.leave()
        assert b"\x1b]2;" not in terminal.bytes
        assert b";2t" not in terminal.bytes


def test_a_private_chat_is_not_named(chat: Chat, thinker: Path) -> None:
    with chat(thinker, "--no-save", env=NOWHERE) as terminal:
        terminal.say("What is it?")
        terminal.shows("Forty-two.")
        terminal.leave()
        assert terminal.bytes.count(b"\x1b]2;") == terminal.bytes.count(b"\x1b]2;mull\a") == 1


@pytest.mark.parametrize(
    ("environ", "notify", "written"),
    [
        ({"TERM_PROGRAM": "WezTerm"}, "auto", b"\x1b]9;mull: What is it; really?\a"),
        ({"TERM": "foot"}, "auto", b"\x1b]777;notify;mull;mull: What is it, really?\a"),
        ({"TERM_PROGRAM": "WezTerm", "TMUX": "/tmp/tmux"}, "auto", b"\a"),
        ({}, "auto", b"\a"),
        ({"TERM_PROGRAM": "WezTerm"}, "bell", b"\a"),
    ],
)
def test_a_slow_answer_is_announced(
    chat: Chat, endless: Path, home: dict[str, str], environ: dict[str, str], notify: str, written: bytes
) -> None:
    configure(home, f'notify = "{notify}"\nnotify_after = 0\ntitle = false\n')
    with chat(endless, "--max-tokens", "30", env=NOWHERE | environ) as terminal:
        terminal.say("What is it; really?")
        terminal.shows("never answered")
        terminal.leave()
        assert terminal.bytes.count(b"\a") == 1
        assert written in terminal.bytes


@pytest.mark.parametrize("config", ['notify = "off"\nnotify_after = 0\n', ""], ids=["off", "quick"])
def test_nothing_is_announced(chat: Chat, endless: Path, home: dict[str, str], config: str) -> None:
    configure(home, f"title = false\n{config}")
    with chat(endless, "--max-tokens", "30", env=NOWHERE | {"TERM_PROGRAM": "WezTerm"}) as terminal:
        terminal.say("What is it?")
        terminal.shows("never answered")
        terminal.leave()
        assert b"\a" not in terminal.bytes
        assert b"\x1b]9;" not in terminal.bytes
