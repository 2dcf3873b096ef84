"""Play a scene in a pseudo-terminal, up to its picture."""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from tests.terminal.harness import ROOT, Terminal

from docgen.screens import scripts
from docgen.screens.draw import picture
from docgen.screens.scenes import Scene
from mull.store.export import from_json
from mull.store.sessions import open_store

MULL = [sys.executable, "-m", "docgen.screens.stage"]


class Studio:
    """A home folder with some sessions, a scripted model and a Hub: what the scenes' commands find.

    Each program gets a copy of the home, so that pictures do not depend on their order.
    """

    def __init__(self, folder: Path, hub: str) -> None:
        self._folder, self._hub = folder, hub
        self._homes = 0
        self.script = scripts.script(folder)
        (folder / "home" / "state").mkdir(parents=True)
        with closing(open_store(folder / "home" / "state" / "sessions.db")) as store:
            for session in scripts.sessions():
                store.insert(*from_json(session))

    def environ(self, **more: str) -> dict[str, str]:
        """The environment of a program with a home of its own."""
        self._homes += 1
        home = self._folder / f"home{self._homes}"
        shutil.copytree(self._folder / "home", home)
        return self._environ(home) | more

    def picture(self, scene: Scene, columns: int, theme: str) -> str:
        """Run the scene's command, type what it says, and draw the screen that this leads to."""
        words = scene.command.format(script=self.script).split()
        environ = self.environ(MULL_THEME=theme, STAGE_PACE=str(scene.pace))
        with Terminal([*MULL, *words], columns=columns, rows=scene.rows, environ=environ) as terminal:
            for keys, screen in scene.steps:
                terminal.press(keys)
                wait(terminal, screen)
            return picture(still(terminal), theme)

    def _environ(self, home: Path) -> dict[str, str]:
        folders = {"HOME": "", "HF_HOME": "hf", "MULL_CONFIG_DIR": "config", "MULL_STATE_DIR": "state"}
        return {
            **{name: str(home / inner) for name, inner in folders.items()},
            "MULL_CACHE_DIR": str(home / "cache"),
            "MULL_PACKAGES": "0",  # models in packages of whoever takes the pictures
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT / "cli"),
            "COLORTERM": "truecolor",
            "TZ": "UTC",
            "HF_ENDPOINT": self._hub,
        }


def wait(terminal: Terminal, screen: str) -> None:
    """Wait until a regular expression is found in the screen's text."""
    terminal.wait(lambda: bool(re.search(screen, terminal.text)), screen)


def still(terminal: Terminal) -> list[list[object]]:
    """The screen between two frames, once what follows the last change has been drawn."""
    if terminal.process.poll() is not None:
        terminal.exit()
    time.sleep(0.2)
    terminal.wait(lambda: not terminal.drawing, "the end of a frame")
    return terminal.cells


@contextmanager
def studio() -> Iterator[Studio]:
    """A studio that lasts as long as the block."""
    with tempfile.TemporaryDirectory() as name, scripts.hub(2e6) as address:
        yield Studio(Path(name), address)
