"""The live view in a real pseudo-terminal: the screen, the keys, and the terminal's state afterwards."""

from __future__ import annotations

import os
import re
import signal
import time
from pathlib import Path

import pytest

from tests.terminal.conftest import Play

SGR = re.compile(r"\x1b\[[0-9;]*m")
THOUGHT = "First I look at the word. " * 12


def test_the_panel_folds_to_one_line_when_the_answer_begins(play: Play, tmp_path: Path) -> None:
    go = tmp_path / "go"
    terminal = play(("think", THOUGHT), ("until", str(go)), ("answer", "There are **three**.\n"))
    terminal.wait("Thinking")
    terminal.wait("│ First I look")
    go.touch()
    assert terminal.exit() == 0
    text = "\n".join(terminal.everything)
    assert "│" not in text
    assert "▸ Thought for " in text
    assert " · 72 tokens" in text
    assert "There are three." in text
    assert terminal.mode == terminal.mode_before
    assert b"\x1b[?25h" in terminal.bytes  # the cursor is shown again


def test_ctrl_o_folds_and_unfolds_during_the_thinking(play: Play) -> None:
    terminal = play(("think", THOUGHT), ("hold", 0), ("answer", "Three."))
    terminal.wait("│ First I look")
    terminal.press("\x0f")
    terminal.wait(lambda: "│" not in terminal.text and "Thinking" in terminal.text, "a folded panel")
    terminal.press("\x0f")
    terminal.wait("│ First I look")
    terminal.press("\t")
    assert terminal.exit() == 0
    # The user unfolded it, so it stays.
    assert "▾ Thought for" in terminal.text
    assert "│ First I look" in terminal.text
    assert "Three." in terminal.text


def test_ctrl_o_works_while_the_turns_thread_is_in_native_code(play: Play) -> None:
    terminal = play(("think", THOUGHT), ("native", 60.0))
    terminal.wait("│ First I look")
    terminal.press("\x0f")
    terminal.wait(lambda: "│" not in terminal.text and "Thinking" in terminal.text, "a folded panel")


def test_ctrl_o_shows_the_thinking_again_during_the_answer(play: Play, tmp_path: Path) -> None:
    go = tmp_path / "go"
    terminal = play(
        ("think", THOUGHT), ("answer", "The answer.\n\n"), ("until", str(go)), ("answer", "Its end.\n")
    )
    terminal.wait("The answer.")
    terminal.press("\x0f")
    terminal.wait("▾ Thought for")
    terminal.wait("│ First I look")
    terminal.press("\x0f")
    terminal.wait(lambda: "│" not in terminal.text, "a folded panel")
    go.touch()
    assert terminal.exit() == 0
    assert terminal.everything.count("The answer.") == 1
    assert "│" not in terminal.text


@pytest.mark.parametrize("columns", [40, 80, 120])
def test_a_rule_ends_at_the_edge_of_the_screen(play: Play, columns: int) -> None:
    terminal = play(("answer", "Above.\n\n---\n\n- item\n\n  ***\n\nBelow.\n"), columns=columns)
    assert terminal.exit() == 0
    above = terminal.everything.index("Above.")
    assert terminal.everything[above : above + 9] == [
        *("Above.", "", "─" * columns, "", "• item", "", "  " + "─" * (columns - 2), "", "Below.")
    ]


def test_each_section_of_thinking_counts_its_own_tokens(play: Play) -> None:
    terminal = play(("think", "a b c "), ("answer", "Partly.\n\n"), ("think", "d e "), ("answer", "Wholly."))
    assert terminal.exit() == 0
    counts = re.findall(r"▸ Thought for \d\.\d s · (\d+) tokens", terminal.text)
    assert counts == ["3", "2"]


def test_tab_is_confirmed_before_the_answer_begins(play: Play) -> None:
    terminal = play(("think", THOUGHT), ("hold", 0), ("answer", "Three."), ("sleep", 1.0))
    terminal.wait("│ First I look")
    terminal.press("\t")
    assert terminal.exit() == 0
    assert "Answering now" in SGR.sub("", terminal.bytes.decode())


def test_tab_is_confirmed_during_prefill(play: Play, tmp_path: Path) -> None:
    go = tmp_path / "go"
    terminal = play(("prompt", 512), ("until", str(go)), ("answer", "Three."))
    terminal.wait("512 of 4,096 tokens")
    terminal.press("\t")
    terminal.wait("then the answer, without thinking")
    go.touch()
    assert terminal.exit() == 0
    assert terminal.lines[0] == "Three."


def test_tab_requests_the_answer_and_the_panel_shows_it(play: Play, tmp_path: Path) -> None:
    go = tmp_path / "go"
    terminal = play(("think", THOUGHT), ("hold", 0), ("until", str(go)), ("answer", "Three."))
    terminal.wait("│ First I look")
    terminal.press("\t")
    terminal.wait("Answering now")
    go.touch()
    assert terminal.exit() == 0
    assert "Three." in terminal.text


@pytest.mark.parametrize("key", ["\x03", "\x1b"], ids=["ctrl+c", "esc"])
@pytest.mark.parametrize(
    ("steps", "shown"),
    [
        ([("load", 0.4), ("sleep", 30)], "Loading pebble"),
        ([("prompt", 512), ("sleep", 30)], "512 of 4,096 tokens"),
        ([("think", THOUGHT), ("sleep", 30)], "Thinking"),
        ([("answer", "It begins"), ("sleep", 30)], "It begins"),
    ],
    ids=["loading", "prompt", "thinking", "answering"],
)
def test_stop_at_any_moment(play: Play, steps: list[tuple[str, object]], shown: str, key: str) -> None:
    terminal = play(*steps)
    terminal.wait(shown)
    terminal.press(key)
    assert terminal.exit() == 130
    assert "■ Stopped" in terminal.text
    assert "[interrupted]" in terminal.text
    assert terminal.mode == terminal.mode_before
    if shown == "It begins":
        assert "It begins" in terminal.text


def test_the_second_ctrl_c_quits(play: Play) -> None:
    terminal = play(("think", THOUGHT), ("native", 60.0))
    terminal.wait("│ First I look")
    terminal.press("\x03")
    terminal.wait("Stopping")
    terminal.press("\x03")
    assert terminal.exit() == 130
    assert terminal.mode == terminal.mode_before
    assert b"\x1b[?25h" in terminal.bytes


def test_a_sigint_is_a_ctrl_c(play: Play) -> None:
    terminal = play(("answer", "It begins"), ("sleep", 30))
    terminal.wait("It begins")
    os.kill(terminal.process.pid, signal.SIGINT)
    assert terminal.exit() == 130
    assert "■ Stopped" in terminal.text


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_termination_restores_the_terminal(play: Play, number: int) -> None:
    terminal = play(("think", THOUGHT), ("sleep", 30))
    terminal.wait("│ First I look")
    os.kill(terminal.process.pid, number)
    assert terminal.exit() == 128 + number
    assert terminal.mode == terminal.mode_before
    assert b"\x1b[?25h" in terminal.bytes


def test_a_failure_restores_the_terminal(play: Play) -> None:
    terminal = play(("answer", "It begins"), ("sleep", 0.3), ("fail", "llama.cpp gave up."))
    assert terminal.exit() == 1
    assert terminal.lines == ["It begins", "Error: llama.cpp gave up.", "Try again."]
    assert terminal.mode == terminal.mode_before


def test_ctrl_c_when_stdin_is_a_file(play: Play, tmp_path: Path) -> None:
    """No keys are read then, but the terminal still sends Ctrl+C as a signal."""
    question = tmp_path / "question"
    question.write_text("How many?")
    terminal = play(("think", THOUGHT), ("sleep", 30), stdin=question)
    terminal.wait("│ First I look")
    terminal.press("\x03")
    assert terminal.exit() == 130
    assert "■ Stopped" in terminal.text


def test_text_typed_ahead_is_shown(play: Play) -> None:
    terminal = play(("think", THOUGHT), ("hold", 0), ("answer", "Yes."), typeahead=True)
    terminal.wait("│ First I look")
    terminal.press("first question\r")
    terminal.wait("queued  first question")
    time.sleep(0.1)  # what follows an Enter at once is a paste
    terminal.press("secünd 問\x7f")
    terminal.wait("> secünd")
    terminal.press("\t")
    assert terminal.exit() == 0
    assert "[typed ['first question'] 'secünd ']" in terminal.text


def test_escape_sequences_of_the_model_are_shown_not_interpreted(play: Play) -> None:
    evil = "\x1b[2J\x1b]0;title\x07 \x9b31m \u202e back\rover"
    terminal = play(("think", evil), ("answer", f"{evil} end\n"), thinking="show")
    assert terminal.exit() == 0
    assert terminal.text.count("␛[2J␛]0;title␇ \\x9b31m \\u202e back␍over") == 2
    assert b"\x1b[2J" not in terminal.bytes
    assert b"\x1b]0" not in terminal.bytes


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (40, 24), (80, 10), (20, 5)])
def test_a_long_answer_is_in_the_scrollback_exactly_once(play: Play, columns: int, rows: int) -> None:
    numbers = [f"line {number}" for number in range(200)]
    code = "```\n" + "\n".join(numbers) + "\n```\n"
    terminal = play(
        *((verb, part) for part in code.splitlines(keepends=True) for verb in ["answer"]),
        columns=columns,
        rows=rows,
    )
    assert terminal.exit() == 0
    shown = [line.strip() for line in terminal.everything if line.strip().startswith("line")]
    assert shown == numbers


def test_nothing_longer_than_the_screen_is_repainted(play: Play, tmp_path: Path) -> None:
    go = tmp_path / "go"
    text = " ".join(f"word{number}" for number in range(900))
    terminal = play(("answer", text), ("until", str(go)), rows=10, columns=40)
    terminal.wait("word899")
    assert len(terminal.lines) <= 10
    go.touch()
    assert terminal.exit() == 0
    joined = " ".join(line for line in terminal.everything if not line.startswith("["))
    assert joined.split() == text.split()


def test_a_resize_during_the_answer_loses_nothing(play: Play, tmp_path: Path) -> None:
    go = tmp_path / "go"
    first, second = "Before. " * 30, "After. " * 30
    terminal = play(
        ("answer", f"{first}\n\n{second}"), ("until", str(go)), ("answer", "\n\nThe end.\n"), columns=80
    )
    terminal.wait("After.")
    terminal.resize(40, 12)
    terminal.wait("Esc stops")
    go.touch()
    assert terminal.exit() == 0
    assert "The end." in terminal.text
    assert all(len(line) <= 40 for line in terminal.lines)


def test_wide_characters_do_not_break_the_region(play: Play, tmp_path: Path) -> None:
    go = tmp_path / "go"
    text = "这是一个很长的中文段落，用来测试换行。👍😀 " * 6  # pyte cannot show joined emoji
    terminal = play(
        ("think", text * 3), ("answer", text), ("until", str(go)), ("answer", "结束。"), columns=40, rows=24
    )
    terminal.wait("Esc stops")
    go.touch()
    assert terminal.exit() == 0
    assert terminal.text.count("▸ Thought for") == 1
    assert terminal.text.replace("\n", "").count("这是一个") == 6


def test_without_markdown_the_answer_is_unchanged(play: Play) -> None:
    source = "# Title\n\n**bold** and `code`\n\n* item\n"
    terminal = play(("answer", source), markdown=False)
    assert terminal.exit() == 0
    assert terminal.lines[:5] == source.rstrip("\n").split("\n")


def test_a_notice_is_shown_above_the_live_region(play: Play, tmp_path: Path) -> None:
    go = tmp_path / "go"
    terminal = play(
        ("think", "Hm. "), ("notice", "It cannot be switched off."), ("until", str(go)), ("answer", "Yes.")
    )
    terminal.wait("It cannot be switched off.")
    terminal.wait("Thinking")
    go.touch()
    assert terminal.exit() == 0
    assert terminal.lines[0] == "It cannot be switched off."


def test_no_color_keeps_bold_and_dim(play: Play) -> None:
    terminal = play(("think", "Hm. "), ("answer", "# Title\n\n`code`\n"), environ={"NO_COLOR": "1"})
    assert terminal.exit() == 0
    assert "`code`" in terminal.text  # without colour, code keeps its backticks
    codes = {
        int(code) for codes in re.findall(rb"\x1b\[([0-9;]+)m", terminal.bytes) for code in codes.split(b";")
    }
    assert codes <= {0, 1, 2, 3, 4}


def test_a_dumb_terminal_gets_no_escapes(play: Play) -> None:
    terminal = play(("think", "Hm. "), ("answer", "Say \x1b[31mred.\n"), environ={"TERM": "dumb"})
    assert terminal.exit() == 0
    assert b"\x1b" not in terminal.bytes
    assert "Say ␛[31mred." in terminal.text


def test_shown_thinking_is_in_the_scrollback_exactly_once(play: Play) -> None:
    thought = "\n".join(f"thought {number} " + "and so on " * (number % 9) for number in range(60))
    terminal = play(
        ("think", thought), ("sleep", 0.3), ("answer", "Yes."), thinking="show", rows=10, columns=40
    )
    assert terminal.exit() == 0
    joined = " ".join(line.removeprefix("│").strip() for line in terminal.everything if line.startswith("│"))
    assert joined.split() == thought.split()
    assert "▾ Thought for" in terminal.text


def test_a_paste_during_the_answer_is_typed_ahead_as_one_piece(play: Play) -> None:
    terminal = play(("think", THOUGHT), ("hold", 0), ("answer", "Yes."), typeahead=True)
    terminal.wait("│ First I look")
    assert b"\x1b[?2004h" in terminal.bytes
    terminal.press("\x1b[200~two\rlines\x1b[201~")
    terminal.wait("> two\n  lines")
    terminal.press("\t")
    assert terminal.exit() == 0
    assert "[typed [] 'two\\nlines']" in terminal.text
    assert terminal.bytes.rindex(b"\x1b[?2004l") > terminal.bytes.rindex(b"\x1b[?2004h")


def test_ctrl_z_restores_the_terminal_until_the_turn_continues(play: Play) -> None:
    terminal = play(("think", THOUGHT), ("hold", 0), ("answer", "Yes."))
    terminal.wait("│ First I look")
    terminal.press("\x1a")
    pid, status = os.waitpid(terminal.process.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    assert terminal.mode == terminal.mode_before
    os.kill(pid, signal.SIGCONT)
    terminal.wait(lambda: terminal.mode != terminal.mode_before, "the keys")
    terminal.press("\t")
    assert terminal.exit() == 0
    assert "Yes." in terminal.text


def test_thinking_that_was_switched_off_is_shown_on_request_only(play: Play) -> None:
    terminal = play(("unwanted", THOUGHT), ("hold", 0), ("answer", "Yes."))
    terminal.wait("Thinking")
    assert "│" not in terminal.text
    terminal.press("\x0f")
    terminal.wait("│ First I look")
    terminal.press("\x0f")
    terminal.wait(lambda: "│" not in terminal.text, "a folded panel")
    terminal.press("\t")
    assert terminal.exit() == 0
    assert terminal.lines[0] == "Yes."
