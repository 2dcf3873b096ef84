"""The chat's prompt in a real pseudo-terminal."""

from __future__ import annotations

import os
import signal
import stat
from pathlib import Path

import pytest

from tests.terminal.conftest import Ask

CTRL_C, CTRL_D, CTRL_J, CTRL_O, ESC = "\x03", "\x04", "\x0a", "\x0f", "\x1b"
UP, DOWN = ESC + "[A", ESC + "[B"


def test_enter_submits_and_alt_enter_breaks_the_line(ask: Ask) -> None:
    terminal = ask()
    terminal.press(f"one{ESC}\rtwo{CTRL_J}three\r")
    terminal.wait("[13 characters, 3 lines: 'one\\ntwo\\nthree']")
    terminal.wait_for_keys()
    terminal.press(CTRL_D)
    assert terminal.exit() == 0
    assert "[left]" in terminal.text
    assert terminal.mode == terminal.mode_before


def test_a_paste_of_ten_thousand_lines(ask: Ask) -> None:
    terminal = ask()
    pasted = "\n".join(f"line {number}" for number in range(10_000))
    terminal.press(f"{ESC}[200~{pasted}{ESC}[201~")
    terminal.wait("> [pasted 10,000 lines]")
    terminal.press("\r")
    terminal.wait(f"[{len(pasted)} characters, 10000 lines")


def test_history_is_saved_between_chats_and_private(ask: Ask, tmp_path: Path) -> None:
    history = tmp_path / "state" / "history"
    first = ask(history=str(history))
    first.press("remember me\r")
    first.wait("[11 characters")
    first.wait_for_keys()
    first.press(CTRL_D)
    assert first.exit() == 0
    assert stat.S_IMODE(history.stat().st_mode) == 0o600
    second = ask(history=str(history))
    second.press(UP)
    second.wait("> remember me")


def test_bytes_that_are_not_utf8_are_replaced(ask: Ask, tmp_path: Path) -> None:
    history = tmp_path / "history"
    terminal = ask(history=str(history))
    terminal.press("a\udcffb\r")
    terminal.wait("[3 characters, 1 lines: 'a�b'")
    assert "+a�b\n" in history.read_text(encoding="utf-8")


def test_a_long_history_is_cut_at_an_entry(ask: Ask, tmp_path: Path) -> None:
    history = tmp_path / "history"
    entries = [f"\n# 2026-01-01 00:00:00\n+entry {number}\n+{'x' * 1000}\n" for number in range(1500)]
    history.write_text("".join(entries))
    terminal = ask(history=str(history))
    kept = history.read_text()
    assert kept.startswith("# 2026")
    assert kept.endswith(entries[-1])
    assert len(kept) < 600_000
    assert stat.S_IMODE(history.stat().st_mode) == 0o600
    terminal.press(UP)
    terminal.wait("> entry 1499")


def test_a_line_typed_ahead_is_shown_and_in_the_history(ask: Ask) -> None:
    terminal = ask(ahead="from before\nin two lines")
    terminal.wait("> from before\n  in two lines\n")
    terminal.press(UP + UP)
    terminal.wait(lambda: terminal.text.count("> from before\n  in two lines") == 2, "the history")


def test_without_a_history_file_nothing_is_saved(ask: Ask, tmp_path: Path) -> None:
    terminal = ask(environ={"HOME": str(tmp_path)})
    terminal.press("a secret\r")
    terminal.wait("[8 characters")
    terminal.wait_for_keys()
    terminal.press(UP)
    terminal.wait(lambda: terminal.text.count("> a secret") == 2, "the history of this chat")
    assert list(tmp_path.iterdir()) == []


def test_a_history_that_cannot_be_written_is_not_an_error(ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    terminal = ask(history=str(tmp_path / "file" / "history"))
    terminal.press("hello\r")
    terminal.wait("[5 characters")


def test_tab_completes_commands_and_paths(ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    terminal = ask()
    terminal.press("/f")
    terminal.wait("about /file")
    terminal.press("\t")
    terminal.wait("> /file")
    terminal.press(f" {tmp_path}/no\t")
    terminal.wait(lambda: "notes.txt" in terminal.text.replace("\n", ""), "the path")


def test_ctrl_c_clears_and_a_second_one_leaves(ask: Ask) -> None:
    terminal = ask()
    terminal.press("some words")
    terminal.wait("> some words")
    terminal.press(CTRL_C)
    terminal.wait("Ctrl+C again leaves")
    assert "some words" not in terminal.text
    terminal.press("x\x7f")
    terminal.wait("pebble")
    terminal.press(CTRL_C)
    terminal.wait("Ctrl+C again leaves")
    terminal.press(CTRL_C)
    assert terminal.exit() == 130  # it came within two seconds
    assert terminal.mode == terminal.mode_before


@pytest.mark.parametrize("default", ["", "the question that came back"])
def test_ctrl_c_right_after_stopping_a_turn_quits_with_130(ask: Ask, default: str) -> None:
    terminal = ask(interrupted=True, default=default)
    terminal.wait(f"> {default}".rstrip())
    terminal.press(CTRL_C)
    assert terminal.exit() == 130
    assert terminal.mode == terminal.mode_before


def test_typing_after_a_stop_resets_ctrl_c(ask: Ask) -> None:
    terminal = ask(interrupted=True, default="this")
    terminal.press(" and that")
    terminal.wait("> this and that")
    terminal.press(CTRL_C)
    terminal.wait("Ctrl+C again leaves")


def test_a_termination_restores_the_terminal(ask: Ask) -> None:
    terminal = ask()
    os.kill(terminal.process.pid, signal.SIGTERM)
    assert terminal.exit() == 128 + signal.SIGTERM
    assert terminal.mode == terminal.mode_before


def test_ctrl_o_opens_the_thinking_of_past_turns(ask: Ask) -> None:
    terminal = ask()
    terminal.press(f"my question{CTRL_O}")
    terminal.wait("Thinking 3 of 3")
    terminal.wait("│ newest 0")
    assert "> question 3" in terminal.text
    assert "> my question" in terminal.text
    terminal.press(ESC + "[6~")
    terminal.wait("│ newest 15")
    terminal.press(UP)
    terminal.wait("│ The middle thought.")
    terminal.press(UP + UP)
    terminal.wait("│ The oldest thought.")
    terminal.press(DOWN)
    terminal.wait("Thinking 2 of 3")
    terminal.press(CTRL_O)
    terminal.wait(lambda: "│" not in terminal.text, "no thoughts")
    terminal.press("\r")
    terminal.wait("[11 characters, 1 lines: 'my question']")


def test_the_editor_edits_the_input(ask: Ask, tmp_path: Path) -> None:
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\nprintf " and more" >> "$1"\n')
    editor.chmod(0o700)
    terminal = ask(environ={"EDITOR": str(editor), "VISUAL": str(editor)})
    terminal.press("begun\x18\x05")
    terminal.wait("and more")
    terminal.press("\r")
    terminal.wait("'begun and more'")


def test_typed_escapes_that_look_like_a_mouse_are_harmless(ask: Ask) -> None:
    terminal = ask()
    terminal.press(f"red {ESC}[31m and ")
    terminal.press(f"paths {ESC}[200~/file ~nobody-of-this-name/x{ESC}[201~\t")
    terminal.wait("~nobody-of-this-name")
    terminal.press("\r")
    terminal.wait(" characters, 1 lines: 'red ")
    assert "Traceback" not in terminal.text


def test_vi_keys(ask: Ask) -> None:
    terminal = ask(vi=True)
    terminal.press("hello world")
    terminal.wait("> hello world")
    terminal.press(ESC)
    terminal.press("0dwp")
    terminal.wait("> whello orld")
    terminal.press("\r")
    terminal.wait("[11 characters")


def test_text_typed_ahead_is_at_the_prompt(ask: Ask) -> None:
    terminal = ask(default="typed ahead")
    terminal.wait("> typed ahead")
    terminal.press(" and now\r")
    terminal.wait("'typed ahead and now'")


@pytest.mark.parametrize(
    ("columns", "bar"),
    [
        (80, "  pebble · thinking on · 1,204 of 4,096 tokens (29%) · /help"),
        (40, "  pebble · thinking on"),
        (12, "  pebble"),
    ],
)
def test_the_toolbar_shows_what_fits(ask: Ask, columns: int, bar: str) -> None:
    terminal = ask(columns=columns, rows=10)
    terminal.wait(lambda: terminal.lines[-1] == bar, bar)
