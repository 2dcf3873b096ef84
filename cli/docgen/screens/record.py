"""A recording of a session in a shell: an asciinema file (format 2), and the same as an animated SVG.

The SVG is a film strip: all frames one below the other, and an animation that moves from one to the next. Equal lines
are stored once. Who asks for less motion sees one full screen.
"""

from __future__ import annotations

import codecs
import json
import os
import re
import shlex
import time
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import pyte
from tests.terminal.harness import Terminal

from docgen.screens.draw import CELL, LINE, MARGIN, frame, line
from docgen.screens.play import MULL, Studio, wait
from docgen.screens.scenes import PROMPT, RECORDING

COLUMNS, ROWS = 80, 24
THEME = "dark"
KEY = 0.03  # seconds between two keys
LONGEST = 1.2  # seconds without a change: waiting for a busy machine is left out
FRAME = 0.1  # seconds between two frames, at least
HOLD = 3.0  # seconds for the last frame

# What a program asks of a terminal. Whoever plays the recording would find the answers in his shell.
_QUESTIONS = re.compile(r"\x1b\](?:1[01]|4;\d+);\?(?:\x07|\x1b\\)|\x1b\[(?:[?>=]?[0-9;]*c|\??6n|\?u)")

Event = tuple[float, str]
"""Seconds since the beginning, and what the program wrote."""

BEFORE = "import hashlib\n\n\ndef digest(path):\n    return hashlib.sha256(path.read_bytes()).hexdigest()\n"
AFTER = BEFORE.replace(
    "    return hashlib.sha256(path.read_bytes()).hexdigest()\n",
    '    with path.open("rb") as file:\n        return hashlib.file_digest(file, "sha256").hexdigest()\n',
)


def record(studio: Studio) -> list[Event]:
    """Play RECORDING in bash; `mull` is on its path."""
    environ = studio.environ(MULL_THEME=THEME, MULL_MODEL=str(studio.script), STAGE_PACE="0.045")
    folder = Path(environ["HOME"])
    (folder / "old.py").write_text(BEFORE)
    (folder / "new.py").write_text(AFTER)
    (folder / "rc").write_text("PS1='$ '\n")
    (folder / "bin").mkdir()
    (folder / "bin" / "mull").write_text(f'#!/bin/sh\nexec {shlex.join(MULL)} "$@"\n')
    (folder / "bin" / "mull").chmod(0o755)
    environ["PATH"] = f"{folder / 'bin'}{os.pathsep}{environ['PATH']}"
    inside = f"cd {shlex.quote(str(folder))}; exec bash --noprofile --rcfile rc -i"
    shell = ["/usr/bin/env", "bash", "-c", inside]
    with Terminal(shell, columns=COLUMNS, rows=ROWS, environ=environ) as terminal:
        wait(terminal, PROMPT)
        for keys, screen, pause in RECORDING:
            for key in keys:
                terminal.press(key)
                time.sleep(KEY)
            wait(terminal, screen)
            time.sleep(pause)
        return list(_events(terminal.received))


def _events(received: Sequence[tuple[float, bytes]]) -> Iterator[Event]:
    """The text without questions, and without long waits."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    now, before = 0.0, received[0][0]
    for when, data in received:
        now += min(when - before, LONGEST)
        before = when
        if text := _QUESTIONS.sub("", decoder.decode(data)):
            yield round(now, 3), text


def cast(events: Sequence[Event]) -> str:
    """The recording as asciinema's file, for `asciinema play`."""
    head = {"version": 2, "width": COLUMNS, "height": ROWS, "title": "mull"}
    lines = [json.dumps(head), *(json.dumps([when, "o", text], ensure_ascii=False) for when, text in events)]
    return "\n".join(lines) + "\n"


def animation(events: Sequence[Event]) -> str:
    """The recording as an animated SVG."""
    names: dict[str, str] = {}
    strip: list[tuple[float, str]] = []
    height = ROWS * LINE + 2 * MARGIN
    for when, rows in _frames(events):
        shown = "".join(
            f'<use href="#{names.setdefault(drawn, f"l{len(names)}")}" y="{number * LINE}"/>'
            for number, row in enumerate(rows)
            if (drawn := line(row, THEME))
        )
        if not strip or strip[-1][1] != shown:
            strip.append((when, shown))
    total = events[-1][0] + HOLD
    stops = [
        f"{100 * when / total:.2f}%{{transform:translateY({-height * number}px)}}"
        for number, (when, _) in enumerate(strip)
    ]
    fullest = max(range(len(strip)), key=lambda number: len(strip[number][1]))
    style = (
        f"<style>@keyframes film{{{''.join(stops)}}}"
        f"#film{{transform:translateY({-height * fullest}px);animation:film {total:.1f}s step-end infinite}}"
        "@media(prefers-reduced-motion:reduce){#film{animation:none}}</style>"
    )
    lines = "".join(f'<g id="{name}">{drawn}</g>\n' for drawn, name in names.items())
    film = "\n".join(
        f'<g transform="translate(0,{height * number})">{shown}</g>'
        for number, (_, shown) in enumerate(strip)
    )
    inside = f'{style}\n<defs>\n{lines}</defs>\n<svg x="{MARGIN}" y="{MARGIN}"><g id="film">{film}</g></svg>'
    return frame(f"{COLUMNS * CELL + 2 * MARGIN:.0f}", f"{height}", THEME, inside)


def _frames(events: Sequence[Event]) -> Iterator[tuple[float, list[list[object]]]]:
    """The screen at the end of each FRAME in which something changed, but not in the middle of a synchronized frame."""
    screen = pyte.Screen(COLUMNS, ROWS)
    stream = pyte.Stream(screen)
    drawing, shown = False, -FRAME
    for (when, text), (following, _) in pairwise([*events, (float("inf"), "")]):
        stream.feed(text)
        last = max(text.rfind("\x1b[?2026h"), text.rfind("\x1b[?2026l"))
        drawing = drawing if last < 0 else text[last:].startswith("\x1b[?2026h")
        if not drawing and following - shown >= FRAME:
            shown = when
            yield when, [[screen.buffer[row][column] for column in range(COLUMNS)] for row in range(ROWS)]
