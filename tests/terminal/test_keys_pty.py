"""Keys in a real pseudo-terminal, at the prompt and during a turn: Esc, sequences, pastes, the keyboard protocol."""

from __future__ import annotations

import os
import signal
import time

import pytest

from tests.terminal.conftest import Ask, Play

CTRL_C, CTRL_O, ESC = "\x03", "\x0f", "\x1b"
THOUGHT = "First I look at the word. " * 12


def test_esc_closes_the_thoughts_and_takes_no_other_key(ask: Ask) -> None:
    terminal = ask()
    terminal.press(CTRL_O)
    terminal.wait("Thinking 3 of 3")
    terminal.press(ESC)
    terminal.wait(lambda: "│" not in terminal.text, "no thoughts")
    terminal.press("/help")
    terminal.wait("> /help")


def test_esc_closes_the_menu(ask: Ask) -> None:
    terminal = ask()
    terminal.press("/f")
    terminal.wait("about /file")
    terminal.press(ESC)
    terminal.wait(lambda: "about /file" not in terminal.text, "no menu")
    terminal.press("i")
    terminal.wait("> /fi")


def test_a_search_shows_what_it_has_found(ask: Ask) -> None:
    terminal = ask()
    terminal.press("one question\r")
    terminal.wait("[12 characters")
    terminal.wait_for_keys()
    terminal.press("\x12")
    terminal.press("que")
    terminal.wait(lambda: terminal.text.count("> one question\n") == 2, "what was found")
    terminal.press(ESC)
    terminal.press("!\r")
    terminal.wait("13 characters")


def test_alt_keys_still_work(ask: Ask) -> None:
    terminal = ask()
    terminal.press("one two")
    terminal.wait("> one two")
    terminal.press(ESC + "b")
    terminal.press("x\r")
    terminal.wait("'one xtwo'")


@pytest.mark.parametrize("key", ["\x1b[13;2u", "\x1b[27;2;13~", "\x1b\r", "\n"])
def test_shift_enter_is_a_new_line(ask: Ask, key: str) -> None:
    terminal = ask()
    terminal.press(f"one{key}two\r")
    terminal.wait("2 lines: 'one\\ntwo'")


def test_sequences_without_a_meaning_are_not_typed(ask: Ask) -> None:
    terminal = ask()
    for junk in [
        "[57441u",
        "[1;9Z",
        "[?62;22c",
        "]11;rgb:0/0/0\x07",
        "P>|term\x1b\\",
        "Oz",
        "[M !!",
        "[?0u",
        "[201~",
    ]:
        terminal.press(ESC + junk)
    terminal.press("x\r")
    terminal.wait("[1 characters, 1 lines: 'x'")


def test_an_arrow_key_in_parts_at_the_prompt(ask: Ask) -> None:
    terminal = ask(patience=20)
    terminal.press("one\r")
    terminal.wait("[3 characters")
    terminal.wait_for_keys()
    terminal.press(ESC)
    time.sleep(0.12)
    terminal.press("[A")
    terminal.wait(lambda: terminal.text.count("> one") == 2, "the history")
    assert "[A" not in terminal.text


def test_a_paste_without_brackets_is_one_question(ask: Ask) -> None:
    terminal = ask()
    terminal.press("Translate this:\rline one\r\tindented line\r")
    terminal.wait("[39 characters, 3 lines: 'Translate this:\\nline one\\n\\tinde'")


def test_a_paste_keeps_every_character(ask: Ask) -> None:
    terminal = ask()
    pasted = "\t\u3000x\u200dy\u00a0/z"
    terminal.press(f"{ESC}[200~{pasted}{ESC}[201~\r")
    terminal.wait(f"[{len(pasted)} characters, 1 lines: {pasted!r}")


@pytest.mark.parametrize("key", [CTRL_C, "\x1b[99;5u"])
def test_ctrl_c_works_though_a_paste_has_no_end(ask: Ask, key: str) -> None:
    terminal = ask()
    terminal.press(f"{ESC}[200~a")
    time.sleep(0.2)
    terminal.press(key)
    terminal.wait("Ctrl+C again leaves")


def test_keys_come_back_after_a_paste_without_end(ask: Ask) -> None:
    terminal = ask()
    terminal.press(f"{ESC}[200~a")
    terminal.wait("> a")
    terminal.press("b\r")
    terminal.wait("'ab'")


@pytest.mark.parametrize("keys", [[ESC, "[A"], [ESC, "[", "A"], [ESC, "OB"], [ESC + "[1", ";5C"]])
def test_an_arrow_key_in_parts_during_a_turn(play: Play, keys: list[str]) -> None:
    terminal = play(("think", THOUGHT), ("hold", 0), ("answer", "Yes."), typeahead=True, patience=20)
    terminal.wait("│ First I look")
    for key in keys:
        terminal.press(key)
        time.sleep(0.12)
    terminal.press("x")
    terminal.wait("> x")
    terminal.press("\t")
    assert terminal.exit() == 0
    assert "[typed [] 'x']" in terminal.text


def test_ctrl_c_stops_a_turn_though_a_paste_has_no_end(play: Play) -> None:
    terminal = play(("think", THOUGHT), ("sleep", 30), typeahead=True)
    terminal.wait("│ First I look")
    terminal.press(f"{ESC}[200~a")
    time.sleep(0.2)
    terminal.press(CTRL_C)
    assert terminal.exit() == 130
    assert "[typed [] 'a']" in terminal.text


def test_esc_and_a_key_during_a_turn(play: Play) -> None:
    terminal = play(("think", THOUGHT), ("sleep", 30), typeahead=True, patience=20)
    terminal.wait("│ First I look")
    terminal.press(ESC)
    time.sleep(0.1)
    terminal.press("/help")
    assert terminal.exit() == 130
    assert "[typed [] '/help']" in terminal.text


@pytest.mark.parametrize(
    ("key", "code"), [("\x1b[27u", 130), ("\x1b[99;5u", 130), ("\x1b[9u", 0), ("\x1b[105;5u", 0)]
)
def test_the_keyboard_protocol_during_a_turn(play: Play, key: str, code: int) -> None:
    terminal = play(("think", THOUGHT), ("hold", 0), ("answer", "Yes."), keyboard=True)
    terminal.wait("│ First I look")
    terminal.wait(lambda: terminal.protocol == 1)
    terminal.press(key)
    assert terminal.exit() == code
    assert terminal.protocol == 0


def test_the_keyboard_protocol_ends_with_a_signal(play: Play) -> None:
    terminal = play(("think", THOUGHT), ("sleep", 30), keyboard=True)
    terminal.wait("│ First I look")
    terminal.wait(lambda: terminal.protocol == 1)
    os.kill(terminal.process.pid, signal.SIGTERM)
    assert terminal.exit() == 128 + signal.SIGTERM
    assert terminal.protocol == 0


def test_the_keyboard_protocol_is_not_used_where_the_terminal_does_not_answer(play: Play) -> None:
    terminal = play(("answer", "Yes."))
    assert terminal.exit() == 0
    assert b"\x1b[>1u" not in terminal.bytes
