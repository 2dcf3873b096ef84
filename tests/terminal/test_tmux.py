"""The live region in tmux, which counts some characters differently: frames stay in place, and borders line up."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.terminal.harness import ROOT

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
COLUMNS, ROWS = 40, 14
TABLE = "| mark | what |\n|---|---|\n| 🇩🇪 | flag |\n| 你好 | words |\n| 👨‍👩‍👧 | family |\n\nThe end.\n"
SCRIPT = """
import sys, time
from pathlib import Path
from mull.terminal.console.streams import Streams
from mull.terminal.console.style import Style
from mull.terminal.markdown.stream import MarkdownStream
from mull.terminal.views.live_region import LiveRegion

streams = Streams.detect()
region = LiveRegion(streams.write, streams.size)
text = Path(sys.argv[1]).read_text("utf-8")
view = MarkdownStream(Style(plain=True))
for start in range(0, len(text), 3):
    view.feed(text[start : start + 3])
    finished, tail = view.take(streams.width - 1, 10)
    region.paint([*tail, "👍🏽" * 19 + "⚠️", "", "below"], finished)
region.close(view.finish(streams.width - 1))
streams.write("done\\n")
time.sleep(60)
"""


def screen_of(text: str, folder: Path) -> list[str]:
    """What tmux shows of an answer that streamed into it."""
    (folder / "answer.md").write_text(text, "utf-8")
    (folder / "paint.py").write_text(SCRIPT, "utf-8")
    tmux = ["tmux", "-u", "-S", str(folder / "s"), "-f", "/dev/null"]
    command = shlex.join([sys.executable, str(folder / "paint.py"), str(folder / "answer.md")])
    environ = f"PYTHONPATH={shlex.quote(str(ROOT / 'cli'))} LC_ALL=C.UTF-8"
    size = ["-x", str(COLUMNS), "-y", str(ROWS)]
    subprocess.run([*tmux, "new-session", "-d", *size, f"env {environ} {command}"], check=True)
    try:
        until = time.monotonic() + 30
        while time.monotonic() < until:
            shown = subprocess.run([*tmux, "capture-pane", "-p"], capture_output=True, check=True).stdout
            lines = shown.decode().rstrip("\n").split("\n")
            if "done" in lines:
                return lines
            time.sleep(0.05)
    finally:
        subprocess.run([*tmux, "kill-server"], capture_output=True, check=False)
    raise AssertionError("\n".join(lines))


def test_streamed_tables_are_whole_and_no_frame_is_left(tmp_path: Path) -> None:
    assert screen_of(TABLE, tmp_path) == [
        *(
            "mark │ what",
            "─────┼───────",
            "🇩🇪   │ flag",
            "你好 │ words",
            "👨‍👩‍👧   │ family",
            "",
            "The end.",
            "done",
        )
    ]
