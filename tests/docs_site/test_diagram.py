"""The drawing of the modules in ARCHITECTURE.md: what it names is there, boxes are apart, arrows end at boxes."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from itertools import combinations
from pathlib import Path

import pytest

import mull
from docgen.diagram import ARROWS, BOXES, HEIGHT, WIDTH, Box, page

HERE = Path(mull.__file__).parent


@pytest.mark.parametrize(
    "box", [box for box in BOXES if box.name not in {"shell", "llama.cpp"}], ids=lambda box: box.name
)
def test_a_box_is_a_module(box: Box) -> None:
    assert (HERE / box.name).is_dir() if box.name.endswith("/") else (HERE / box.name).is_file()


def _edges(box: Box) -> tuple[float, float, float, float]:
    return box.x - box.width / 2, box.y, box.x + box.width / 2, box.y + box.height


def test_boxes_are_apart_and_on_the_paper() -> None:
    for left, top, right, bottom in map(_edges, BOXES):
        assert left >= 0
        assert top >= 0
        assert right <= WIDTH
        assert bottom <= HEIGHT
    for one, other in combinations(map(_edges, BOXES), 2):
        apart = one[2] < other[0] or other[2] < one[0] or one[3] < other[1] or other[3] < one[1]
        assert apart, (one, other)


def test_an_arrow_leads_from_a_box_to_a_box() -> None:
    for arrow in ARROWS:
        for x, y in (arrow.points[0], arrow.points[-1]):
            assert any(
                left <= x <= right and top <= y <= bottom and (x in {left, right} or y in {top, bottom})
                for left, top, right, bottom in map(_edges, BOXES)
            ), (x, y)


def test_it_is_xml_that_loads_nothing() -> None:
    root = ET.fromstring(page())
    assert not [name for one in root.iter() for name in one.attrib if "href" in name]
    assert {one.tag.rpartition("}")[2] for one in root.iter()} <= {
        "svg",
        "title",
        "defs",
        "marker",
        "path",
        "rect",
        "text",
    }
