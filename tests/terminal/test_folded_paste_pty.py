"""Long pastes in the chat's prompt: folded to a marker that is one unit, and whole wherever the text goes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.terminal.conftest import Ask
from tests.terminal.harness import Terminal

CTRL_D, ESC, LEFT, BACKSPACE, UNFOLD = "\x04", "\x1b", "\x1b[D", "\x7f", "\x18\x10"
SIXTY = "\n".join(f"line {number}" for number in range(60))


def paste(terminal: Terminal, text: str) -> None:
    terminal.press(f"{ESC}[200~{text}{ESC}[201~")


def sent(text: str) -> str:
    """What the prompter prints of it."""
    return f"[{len(text)} characters, {text.count(chr(10)) + 1} lines: {text[:30]!r}]"


@pytest.mark.parametrize("columns", [80, 40])
def test_a_long_paste_is_folded_and_sent_whole(ask: Ask, columns: int) -> None:
    terminal = ask(columns=columns)
    terminal.press("why? ")
    paste(terminal, SIXTY.replace("\n", "\r\n"))
    terminal.press(" here")
    terminal.wait("> why? [pasted 60 lines] here")
    terminal.press("\r")
    terminal.wait(sent(f"why? {SIXTY} here")[:35])
    assert "> why? [pasted 60 lines] here" in terminal.text


@pytest.mark.parametrize("text", ["\n".join("0123456789"), "x" * 1000, "[pasted 60 lines]"])
def test_a_short_paste_is_not_folded(ask: Ask, text: str) -> None:
    terminal = ask()
    paste(terminal, text)
    terminal.wait(text[-9:].rpartition("\n")[2])
    terminal.press("\r")
    terminal.wait(sent(text))
    assert terminal.text.count("[pasted") == ("[pasted" in text) * 2


def test_the_marker_typed_by_hand_is_text(ask: Ask) -> None:
    terminal = ask()
    paste(terminal, SIXTY)
    terminal.press("[pasted 60 lines]")
    terminal.wait("> [pasted 60 lines][pasted 60 lines]")
    terminal.press("\r")
    terminal.wait(sent(f"{SIXTY}[pasted 60 lines]"))


def test_the_cursor_steps_over_it_and_backspace_deletes_it(ask: Ask) -> None:
    terminal = ask()
    paste(terminal, SIXTY)
    paste(terminal, "y" * 1234)
    terminal.wait("> [pasted 60 lines][pasted 1,234 characters]")
    terminal.press(f"{LEFT}{LEFT}a")
    terminal.wait("> a[pasted 60 lines][pasted 1,234 characters]")
    terminal.press(f"\x05{BACKSPACE}b")
    terminal.wait("> a[pasted 60 lines]b")
    terminal.press("\r")
    terminal.wait(sent(f"a{SIXTY}b"))


def test_a_key_unfolds_it_and_folds_it_again(ask: Ask) -> None:
    terminal = ask()
    paste(terminal, SIXTY)
    terminal.wait("[pasted 60 lines]")
    terminal.press(UNFOLD)
    terminal.wait("line 59")
    terminal.press(UNFOLD)
    terminal.wait(lambda: "line 59" not in terminal.text, "the marker")
    assert "> [pasted 60 lines]" in terminal.text
    terminal.press(f"{UNFOLD}{BACKSPACE}8\r")
    terminal.wait(sent(SIXTY[:-1] + "8"))


def test_the_history_and_the_editor_have_it_whole(ask: Ask, tmp_path: Path) -> None:
    editor = tmp_path / "editor"
    editor.write_text(f'#!/bin/sh\ncp "$1" {tmp_path}/seen\nprintf " and more" >> "$1"\n')
    editor.chmod(0o700)
    history = tmp_path / "history"
    terminal = ask(history=str(history), environ={"EDITOR": str(editor), "VISUAL": str(editor)})
    terminal.press("see ")
    paste(terminal, SIXTY)
    terminal.wait("> see [pasted 60 lines]")
    terminal.press("\x18\x05")
    terminal.wait("> see [pasted 60 lines] and more")
    assert (tmp_path / "seen").read_text() == f"see {SIXTY}"
    terminal.press("\r")
    terminal.wait(sent(f"see {SIXTY} and more"))
    assert "+see line 0\n+line 1\n" in history.read_text()
    assert "+line 59 and more\n" in history.read_text()


def test_vi_edits_it_as_one_character(ask: Ask) -> None:
    terminal = ask(vi=True)
    terminal.press("ab ")
    paste(terminal, SIXTY)
    terminal.wait("> ab [pasted 60 lines]")
    terminal.press(ESC)
    terminal.press("x0P")
    terminal.wait("> [pasted 60 lines]ab")
    terminal.press("\r")
    terminal.wait(sent(f"{SIXTY}ab "))


def test_vi_opens_the_editor_with_it_whole(ask: Ask, tmp_path: Path) -> None:
    editor = tmp_path / "editor"
    editor.write_text(f'#!/bin/sh\ncp "$1" {tmp_path}/seen\nprintf "!" >> "$1"\n')
    editor.chmod(0o700)
    terminal = ask(vi=True, environ={"EDITOR": str(editor), "VISUAL": str(editor)})
    paste(terminal, SIXTY)
    terminal.wait("> [pasted 60 lines]")
    terminal.press(ESC)
    terminal.press("v")
    terminal.wait(sent(SIXTY + "!"))
    assert (tmp_path / "seen").read_text() == SIXTY
