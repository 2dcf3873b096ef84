"""The plot: round ticks, letters that overlap nothing, text that cannot break out, colours with contrast."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mull.evaluation.report.marks import Mark, letter_of, marks
from mull.evaluation.report.png import png
from mull.evaluation.report.scale import seconds_scale, tick_text
from mull.evaluation.report.svg import COLOURS, HEIGHT, WIDTH, letter_places, svg, svg_file
from tests.evaluation.report.samples import contents, hostile

SVG = "{http://www.w3.org/2000/svg}"
SECONDS = st.floats(0.001, 10_000)


def mark(number: int, seconds: float, share: float, label: str = "model, off") -> Mark:
    return Mark(letter_of(number), label, seconds, share, share / 2, (share + 1) / 2, number, number)


@given(st.lists(SECONDS, min_size=1, max_size=20))
def test_an_axis_holds_all_its_values_in_order(values: list[float]) -> None:
    scale = seconds_scale(values)
    places = [scale.place(value) for value in sorted(values)]
    assert places == sorted(places)
    assert all(0 <= place <= 1 for place in places)
    ticks = scale.ticks()
    assert 1 <= len(ticks) <= 8
    assert ticks == sorted(set(ticks))
    assert len({tick_text(value) for value in ticks}) == len(ticks)


def test_an_axis_is_linear_from_zero_unless_values_differ_much() -> None:
    linear = seconds_scale([1.0, 4.0])
    assert (linear.low, linear.log) == (0.0, False)
    assert linear.place(linear.high / 2) == pytest.approx(0.5)
    log = seconds_scale([0.1, 10.0])
    assert log.log
    assert log.place(1.0) == pytest.approx(0.5)


def test_letters_count_like_columns_of_a_spreadsheet() -> None:
    assert [letter_of(number) for number in (0, 25, 26, 51, 52, 701, 702)] == [
        *("A", "Z", "AA", "AZ", "BA", "ZZ", "AAA")
    ]


def test_marks_are_the_groups_of_the_run() -> None:
    found = marks(contents().groups)
    assert [(one.letter, one.label) for one in found] == [
        ("A", "small, off"),
        ("B", "small, on"),
        ("C", "large, off"),
        ("D", "large, on"),
    ]
    assert [one.share for one in found] == [0.2, 0.4, 0.5, 0.9]
    assert [one.seconds for one in found] == [0.5, 1.0, 2.0, 4.0]
    assert [(one.model_number, one.mode_number) for one in found] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert all(one.low < one.share < one.high for one in found)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(SECONDS, st.floats(0, 1)), min_size=1, max_size=16))
def test_no_letter_overlaps_another_or_a_point(values: list[tuple[float, float]]) -> None:
    points = [mark(number, *value) for number, value in enumerate(values)]
    places = letter_places(points, seconds_scale([point.seconds for point in points]))
    for number, (x, y) in enumerate(places):
        assert 0 < x < WIDTH
        assert 0 < y < HEIGHT
        for across, up in places[number + 1 :]:
            assert abs(x - across) >= 11 or abs(y - up) >= 15


@pytest.mark.parametrize("whole", [True, False])
def test_it_is_xml_that_names_every_mark(whole: bool) -> None:
    points = marks([*contents().groups, *hostile().groups])
    drawn = svg_file(points) if whole else svg(points)
    root = ET.fromstring(drawn)
    assert {one.tag.removeprefix(SVG) for one in root.iter()} <= {
        *("svg", "title", "g", "path", "text", "circle", "rect", "style")
    }
    assert not any(name.startswith("on") or "href" in name for one in root.iter() for name in one.attrib)
    letters = [one.text for one in root.iter(f"{SVG}text") if one.get("class") == "letter"]
    assert letters == [point.letter for point in points]
    words = " ".join(root.itertext())
    assert "small, off, 20%, 0.50 s" in words


def test_modes_have_shapes_and_models_colours() -> None:
    root = ET.fromstring(svg(marks(contents().groups)))
    drawn = [one for one in root if "mark" in (one.get("class") or "")]
    kinds = [(one.get("class"), one[-1].tag.removeprefix(SVG)) for one in drawn]
    assert kinds == [("mark m0", "circle"), ("mark m0", "rect"), ("mark m1", "circle"), ("mark m1", "rect")]


def _light(colour: str) -> float:
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(part * share for part, share in zip(linear, (0.2126, 0.7152, 0.0722), strict=True))


@pytest.mark.parametrize(("scheme", "paper"), [("light", "#ffffff"), ("dark", "#14171b")])
def test_every_colour_has_contrast_to_the_page(scheme: str, paper: str) -> None:
    for colour in COLOURS[scheme]:
        low, high = sorted((_light(colour), _light(paper)))
        assert (high + 0.05) / (low + 0.05) >= 4.5, colour


def test_a_png_is_drawn_where_matplotlib_is_installed() -> None:
    pytest.importorskip("matplotlib")
    drawn = png(marks([*contents().groups, *hostile().groups]))
    assert drawn.startswith(b"\x89PNG\r\n")
    assert len(drawn) > 10_000
