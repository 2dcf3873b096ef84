"""Points in a plane as text: letters that never cover one another, within any width, in any terminal."""

from __future__ import annotations

import io
import re
import sys
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mull.terminal.console.streams import Streams
from mull.terminal.console.style import Style
from mull.terminal.console.width import width
from mull.terminal.views.scatter import Axis, Point, scatter_lines

ACROSS = Axis("seconds", [(0.0, "0"), (0.5, "1"), (1.0, "2")])
UP = Axis("right", [(0.0, "0%"), (0.5, "50%"), (1.0, "100%")])
PLACES = st.floats(0, 1)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Streams:
    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(sys, name, io.StringIO())
    return replace(Streams.detect("auto", {}), stdout_tty=True, stdout_style=Style(plain=True), unicode=True)


def sized(monkeypatch: pytest.MonkeyPatch, columns: int, rows: int = 40) -> None:
    monkeypatch.setattr(Streams, "size", lambda _self: (columns, rows))


def at(*places: tuple[float, float], label: str = "model, off") -> list[Point]:
    return [
        Point(chr(65 + number), label, "50%, 1.0 s", x, y, y, y, number)
        for number, (x, y) in enumerate(places)
    ]


def test_letters_are_where_their_values_are(terminal: Streams, monkeypatch: pytest.MonkeyPatch) -> None:
    sized(monkeypatch, 80)
    lines = scatter_lines(terminal, at((0.0, 0.0), (1.0, 1.0), (0.5, 0.5)), ACROSS, UP)
    grid = {line.split("┤")[0].strip(): line for line in lines if "┤" in line}
    assert grid["100%"].endswith("B")
    assert len(grid["100%"]) == max(map(len, grid.values()))
    assert grid["0%"].partition("┤")[2] == "A"
    assert len(grid["50%"].partition("┤")[2]) == pytest.approx(72 / 2, abs=1)
    axis = next(line for line in lines if "┬" in line)
    assert axis.index("┬", 8) == grid["50%"].index("C")
    assert [line.split()[0] for line in lines[-3:]] == ["A", "B", "C"]


@settings(max_examples=60)
@given(st.lists(st.tuples(PLACES, PLACES), min_size=1, max_size=26), st.integers(40, 200), st.booleans())
def test_every_letter_is_there_once_and_nothing_is_too_wide(
    places: list[tuple[float, float]], columns: int, unicode: bool
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        sized(patch, columns, 20)
        streams = Streams(*[io.StringIO()] * 3, *[True] * 5, Style(plain=True), Style(plain=True), unicode)
        points = at(*places, label="a model with a very long name 日本語 " * 4)
        lines = scatter_lines(streams, points, ACROSS, UP)
    assert all(width(line) < columns for line in lines)
    grid = [line for line in lines if re.match(r" *\d*%? [│┤|+]", line)]
    drawn = "".join(re.split(r"[│┤|+]", line, maxsplit=1)[1] for line in grid)
    assert sorted(re.findall("[A-Z]", drawn)) == [point.letter for point in points]
    if not unicode:
        assert all(line.isascii() for line in grid)


def test_a_narrow_window_gets_no_plot(terminal: Streams, monkeypatch: pytest.MonkeyPatch) -> None:
    sized(monkeypatch, 39)
    assert scatter_lines(terminal, at((0.5, 0.5)), ACROSS, UP) == []
    assert scatter_lines(terminal, [], ACROSS, UP) == []


def test_labels_of_ticks_do_not_touch(terminal: Streams, monkeypatch: pytest.MonkeyPatch) -> None:
    sized(monkeypatch, 40)
    ticks = [(number / 40, f"{number / 40:.3f}") for number in range(41)]
    lines = scatter_lines(terminal, at((0.5, 0.5)), Axis("seconds", ticks), UP)
    numbers = next(line for line in lines if line.strip().startswith("0.000")).split()
    assert len(numbers) >= 3
    assert all(re.fullmatch(r"\d\.\d{3}", number) for number in numbers)


def test_a_hostile_label_is_sanitized(terminal: Streams, monkeypatch: pytest.MonkeyPatch) -> None:
    sized(monkeypatch, 80)
    lines = scatter_lines(terminal, at((0.5, 0.5), label="\x1b[31mred\nnext"), ACROSS, UP)
    assert not any("\x1b" in line or "\n" in line for line in lines)
