"""The pictures of docs/screens/: each is shown on some page, each that a page shows exists, and the generator works."""

from __future__ import annotations

import getpass
import json
import re
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from docgen.screens.scenes import SCENES
from tests.test_docs_links import DOCS, PAGES

FOLDER = DOCS / "screens"
FILES = sorted(path.name for path in FOLDER.iterdir())
MOST = 1_500_000  # bytes, for a clone that is quick and a page that opens at once


def test_pages_and_folder_have_the_same_pictures() -> None:
    named = {
        name
        for page in PAGES
        for name in re.findall(r"screens/([\w-]+\.(?:svg|cast))", page.read_text(encoding="utf-8"))
    }
    assert named == set(FILES)


def test_every_scene_has_its_pictures() -> None:
    made = [name for scene in SCENES for name, _, _ in scene.files]
    assert len(made) == len(set(made))
    assert {*made, "session.svg", "session.cast"} == set(FILES)


def test_pictures_are_small_and_name_nobody() -> None:
    texts = {name: (FOLDER / name).read_text(encoding="utf-8") for name in FILES}
    assert sum(len(text.encode()) for text in texts.values()) < MOST
    assert len(texts["session.svg"].encode()) < 400_000
    private = re.compile(rf"/(?:tmp|work|root)/|\b{re.escape(getpass.getuser())}@|/home/(?!you/)")
    assert not [name for name, text in texts.items() if private.search(text)]


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith(".svg")])
def test_pictures_are_well_formed(name: str) -> None:
    root = ET.parse(FOLDER / name).getroot()
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert "".join(root.itertext()).strip()


def test_the_recording_is_an_asciinema_file() -> None:
    head, *events = map(json.loads, (FOLDER / "session.cast").read_text(encoding="utf-8").splitlines())
    assert (head["version"], head["width"], head["height"]) == (2, 80, 24)
    times = [when for when, kind, _ in events if kind == "o"]
    assert len(times) == len(events)
    assert times == sorted(times)
    assert 15 <= times[-1] <= 25
    shown = "".join(text for _, _, text in events)
    assert "Thinking" in shown
    assert "Thought for" in shown
    assert "|" in shown


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are POSIX")
def test_a_scene_is_played(tmp_path: Path) -> None:
    from docgen.screens.play import Studio

    scene = next(scene for scene in SCENES if scene.name == "error")
    drawn = Studio(tmp_path, hub="").picture(scene, 40, "light")
    text = "".join(ET.fromstring(drawn).itertext())
    assert "Did you mean" in text
    assert 'width="360"' in drawn  # 40 cells of 8.4 pixels, and 12 on either side
