"""Write docs/screens/. Arguments: the scenes to take again, by name (`recording` too); none: all of them."""

from __future__ import annotations

import sys

from docgen import DOCS
from docgen.screens.play import studio
from docgen.screens.record import animation, cast, record
from docgen.screens.scenes import SCENES

FOLDER = DOCS / "screens"


def main(wanted: list[str]) -> None:
    """Take the pictures; one that cannot be taken ends the program with what was on the screen."""
    FOLDER.mkdir(exist_ok=True)
    with studio() as stage:
        for scene in SCENES:
            for name, columns, theme in scene.files:
                if not wanted or scene.name in wanted:
                    (FOLDER / name).write_text(stage.picture(scene, columns, theme), encoding="utf-8")
        if not wanted or "recording" in wanted:
            events = record(stage)
            (FOLDER / "session.cast").write_text(cast(events), encoding="utf-8")
            (FOLDER / "session.svg").write_text(animation(events), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
