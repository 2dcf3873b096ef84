"""How the build shows how far it is."""

from __future__ import annotations

import io

import pytest

from llama_build.progress import Progress


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("step", "seconds", "text"),
    [
        ("", 65, "1:05"),
        ("[1/74] Building", 3, "[1/74] · 0:03"),
        ("[37/74] Building", 70, "[37/74] · 1:10 · about 1:10 left"),
        ("[37/74] Building", 1800, "[37/74] · 30:00 · about 30:00 left"),
        ("[73/74] Building", 70, "[73/74] · 1:10 · about 0:10 left"),
        ("[74/74] Linking", 72, "[74/74] · 1:12"),
        ("[7/x] no step", 5, "0:05"),
        (" [37/74] no step", 5, "0:05"),
    ],
)
def test_what_is_shown(step: str, seconds: float, text: str) -> None:
    clock = Clock()
    progress = Progress(io.StringIO(), clock)
    clock.time += seconds
    progress.line(step)
    assert progress.text() == text


def test_a_pipe_gets_a_line_now_and_then() -> None:
    clock, stream = Clock(), io.StringIO()
    progress = Progress(stream, clock)
    for step in range(1, 61):
        clock.time += 2
        progress.line(f"[{step}/60] Building CXX object\n")
    progress.close()
    lines = stream.getvalue().splitlines()
    assert len(lines) == 4
    assert lines[0] == "[15/60] · 0:30 · about 1:30 left"
    assert "\r" not in stream.getvalue()


def test_a_terminal_gets_one_line_that_ends_empty() -> None:
    clock, stream = Clock(), Terminal()
    progress = Progress(stream, clock)
    for step in range(1, 6):
        clock.time += 2
        progress.line(f"[{step}/5] Building CXX object\n")
    progress.close()
    assert "\n" not in stream.getvalue()
    shown = stream.getvalue().split("\r")
    bar, text = shown[1].rstrip().split("  ")
    assert text == "[1/5] · 0:02 · about 0:10 left"
    assert bar.count("=") == len(bar) // 5
    assert set(bar) == {"=", "-"}
    assert not shown[-2].strip()
