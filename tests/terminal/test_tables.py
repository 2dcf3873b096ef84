"""Tables and cards: aligned on a terminal, tab-separated in a pipe."""

from __future__ import annotations

import io
import sys
from dataclasses import replace

import pytest

from mull.terminal.console.streams import Streams
from mull.terminal.console.style import Style
from mull.terminal.console.tables import card, table
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
    return replace(pipe, stdout_tty=True, stdout_style=Style(plain=True))


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
    assert lines[2].startswith("日本語 ")


def test_long_cells_wrap_within_the_width(terminal: Streams) -> None:
    table(terminal, ("Name", "About"), [("x", "word " * 60)])
    lines = shown(terminal)
    assert len(lines) > 3
    assert all(len(line) < 80 for line in lines)
    assert " ".join(lines[1:]).split().count("word") == 60


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


def test_no_rows(terminal: Streams, pipe: Streams) -> None:
    table(terminal, HEADS, [])
    assert shown(terminal) == ["Model  Size"]


def test_a_card(terminal: Streams, pipe: Streams) -> None:
    rows = [("CPU", "fast"), ("", ""), ("", "and many"), ("Devices", "none")]
    card(terminal, rows)
    assert shown(terminal) == ["CPU      fast", "", "         and many", "Devices  none"]
