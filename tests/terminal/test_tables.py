"""Tables and cards: aligned on a terminal, tab-separated in a pipe."""

from __future__ import annotations

import io
import sys
from dataclasses import replace

import pytest

from mull.terminal.console.palette import Palette
from mull.terminal.console.streams import Streams
from mull.terminal.console.style import Style, Styled
from mull.terminal.console.tables import Column, Group, card, grouped, table
from mull.terminal.console.theme import ThemeChoice
from mull.terminal.console.width import width

HEADS = ("Model", "Size")
ROWS = [("qwen3-8b", "5.0"), ("日本語", "12.5"), ("with\x1b[31m escape", 1)]


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Streams:
    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(sys, name, io.StringIO())
    return Streams.detect("auto", {})


@pytest.fixture
def terminal(pipe: Streams) -> Streams:
    return replace(pipe, stdout_tty=True, stdout_style=Style(plain=True), unicode=True)


def shown(streams: Streams) -> list[str]:
    assert isinstance(streams.stdout, io.StringIO)
    return streams.stdout.getvalue().splitlines()


def test_a_pipe_gets_tabs_and_no_headings(pipe: Streams) -> None:
    table(pipe, HEADS, ROWS)
    assert shown(pipe) == ["qwen3-8b\t5.0", "日本語\t12.5", "with␛[31m escape\t1"]


def test_a_terminal_gets_columns(terminal: Streams) -> None:
    table(terminal, HEADS, ROWS)
    lines = shown(terminal)
    assert lines[0].split() == ["Model", "Size"]
    assert len({width(line) for line in lines}) == 1  # numbers end in the last column
    assert lines[3].startswith("日本語 ")


def test_long_cells_wrap_within_the_width(terminal: Streams) -> None:
    table(terminal, ("Name", "About"), [("x", "word " * 60)])
    lines = shown(terminal)
    assert len(lines) > 3
    assert all(len(line) < 80 for line in lines)
    assert " ".join(lines[2:]).split().count("word") == 60


@pytest.fixture
def narrow(terminal: Streams, monkeypatch: pytest.MonkeyPatch) -> Streams:
    monkeypatch.setattr(Streams, "size", lambda _self: (40, 24))
    return terminal


def test_rows_are_stacked_where_columns_would_be_too_narrow(narrow: Streams) -> None:
    long = "deepseek-r1-distill-qwen-1.5b"
    table(
        narrow, ("Name", "Size", "", "Verdict", "Speed"), [(long, "1.1 GB", "", "fits in memory", "~29 t/s")]
    )
    assert shown(narrow) == [long, "  1.1 GB · fits in memory · ~29 t/s"]


def test_a_stacked_cell_is_broken_only_when_it_is_wider_than_the_screen(narrow: Streams) -> None:
    table(narrow, ("A", "B", "C", "D"), [("x" * 50, "a" * 30, "b" * 30, "word " * 12)])
    lines = shown(narrow)
    assert lines[:2] == ["x" * 37, "x" * 13]
    assert lines[2:4] == ["  " + "a" * 30, "  " + "b" * 30]
    assert all(width(line) < 40 for line in lines)
    assert " ".join(lines).count("word") == 12


def test_a_card_with_long_names_puts_the_values_below_them(narrow: Streams) -> None:
    card(narrow, [("Sampling, thinking", "temperature 0.6"), ("", ""), ("", "top_p 0.95")])
    assert shown(narrow) == ["Sampling, thinking", "  temperature 0.6", "  top_p 0.95"]


def test_a_card_breaks_no_path_and_its_rule_reaches_the_edge(terminal: Streams) -> None:
    path = f"/opt/{'long/' * 8}libllama.so"
    card(terminal, [("library", f"b1, {path}"), ("threads", "4")], "This machine")
    lines = shown(terminal)
    assert len(lines[0]) == terminal.width
    assert any(path in line for line in lines)
    assert lines[-1] == "threads  4"


def test_a_path_wider_than_the_screen_is_broken_behind_its_slashes(narrow: Streams) -> None:
    path = f"/home/{'somebody/' * 8}state/mull/llama.log"
    card(narrow, [("log", path)])
    _, *lines = (line.strip() for line in shown(narrow))
    assert "".join(lines) == path
    assert all(line.endswith("/") for line in lines[:-1])
    assert lines[-1].endswith("llama.log")


def test_no_rows(terminal: Streams, pipe: Streams) -> None:
    table(terminal, HEADS, [])
    assert shown(terminal) == ["Model  Size", "───────────"]


def test_a_card(terminal: Streams, pipe: Streams) -> None:
    rows = [("CPU", "fast"), ("", ""), ("", "and many"), ("Devices", "none")]
    card(terminal, rows)
    assert shown(terminal) == ["CPU      fast", "", "         and many", "Devices  none"]


LEAVING = (Column("Name"), Column("Size", 1), Column("Licence", 3), Column("Verdict", 2))
MODELS = [("deepseek-r1-distill-qwen", "1.1 GB", "a long licence text", "fits in memory")]


@pytest.mark.parametrize(
    ("columns", "heads"),
    [
        (80, ["Name", "Size", "Licence", "Verdict"]),
        (60, ["Name", "Size", "Verdict"]),
        (40, ["Name", "Size"]),
        (30, ["Name"]),
    ],
)
def test_columns_leave_in_their_order(
    terminal: Streams, monkeypatch: pytest.MonkeyPatch, columns: int, heads: list[str]
) -> None:
    monkeypatch.setattr(Streams, "size", lambda _self: (columns, 24))
    table(terminal, LEAVING, MODELS)
    lines = shown(terminal)
    assert lines[0].split() == heads
    assert lines[2].startswith("deepseek-r1-distill-qwen")
    assert all(width(line) < columns for line in lines)


def test_a_column_wraps_at_words_before_one_leaves(
    terminal: Streams, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Streams, "size", lambda _self: (40, 24))
    table(terminal, ("Name", Column("About", 1)), [("qwen3-8b", "a model that thinks when it is asked to")])
    lines = shown(terminal)
    assert lines[2:] == ["qwen3-8b  a model that thinks when it", "          is asked to"]


def test_groups_have_titles_and_long_lists_repeat_their_headings(terminal: Streams) -> None:
    many = [(f"model-{number}", number) for number in range(30)]
    grouped(terminal, HEADS, [Group("Runs well", many), Group("Slow", [("big", 9)])])
    lines = shown(terminal)
    assert lines[2] == "Runs well"
    assert lines[33:36] == ["", "Slow", "big          9"]
    assert lines[-1] == lines[0]
    grouped(terminal, HEADS, [Group("Slow", [("big", 9)])])
    assert shown(terminal)[-1] == "big       9"


def test_a_pipe_gets_the_rows_of_groups_alone(pipe: Streams) -> None:
    grouped(pipe, LEAVING, [Group("Well", MODELS), Group("Slow", [("x", Styled("y", "good", "*"), "", "")])])
    assert shown(pipe) == [
        "deepseek-r1-distill-qwen\t1.1 GB\ta long licence text\tfits in memory",
        "x\ty\t\t",
    ]


def test_marks_align_the_texts(terminal: Streams) -> None:
    table(terminal, ("Name",), [(Styled("best", "accent", "★"),), (Styled("other", "", " "),)])
    assert shown(terminal)[2:] == ["★ best", "  other"]


def test_without_utf_8_lines_and_joints_are_ascii(narrow: Streams) -> None:
    ascii_only = replace(narrow, unicode=False)
    table(ascii_only, ("A", "B"), [("x", "y")])
    card(ascii_only, [("a", "b")], "Title")
    table(ascii_only, ("A", "B", "C"), [("x" * 30, "y" * 20, "z")])
    assert "".join(shown(ascii_only)).isascii()


def test_styles_are_those_of_the_theme_and_lines_end_without_spaces(terminal: Streams) -> None:
    style = Style(palette=Palette(lambda: ThemeChoice("dark"), depth="truecolor"))
    table(
        replace(terminal, stdout_style=style), ("A", "B"), [(Styled("yes", "bold good"), ""), ("no", "long")]
    )
    lines = shown(terminal)
    assert lines[2] == "\x1b[1;38;2;69;183;107myes\x1b[0m"
    assert lines[3] == "no   long"


def test_text_like_markup_stays_text(terminal: Streams) -> None:
    table(terminal, ("A",), [("[bold]x[/bold] :smile:",)])
    assert shown(terminal)[2] == "[bold]x[/bold] :smile:"


def test_a_narrow_card_breaks_no_path_that_fits_below_its_name(narrow: Streams) -> None:
    path = "/opt/mull/settings/some/config.toml"
    card(narrow, [("Configuration", path), ("State", "none")])
    assert shown(narrow) == ["Configuration", f"  {path}", "State", "  none"]
