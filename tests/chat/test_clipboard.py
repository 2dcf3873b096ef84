"""The clipboard: the platform's tool, the terminal's escape, or neither."""

from __future__ import annotations

import base64
import dataclasses
import io
import sys
from pathlib import Path

import pytest

from mull.terminal.console.clipboard import OSC_LIMIT, copy
from mull.terminal.console.streams import Streams


@pytest.fixture
def screen() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def streams(screen: io.StringIO, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Streams:
    monkeypatch.setenv("PATH", str(tmp_path))
    return dataclasses.replace(
        Streams.detect("never", {}), stdout=screen, stdout_live=True, stderr_live=False
    )


def osc(text: str) -> str:
    return f"\x1b]52;c;{base64.b64encode(text.encode()).decode()}\x07"


def tool(folder: Path, name: str, code: int = 0) -> Path:
    taken = folder / f"{name}.taken"
    script = folder / name
    script.write_text(f"#!/bin/sh\n/bin/cat > '{taken}'\nexit {code}\n")
    script.chmod(0o700)
    return taken


def test_the_terminal_takes_it_where_there_is_no_tool(streams: Streams, screen: io.StringIO) -> None:
    assert copy("grüße", streams, {"DISPLAY": ":0"}) == "the terminal"
    assert screen.getvalue() == osc("grüße")


@pytest.mark.skipif(sys.platform in {"win32", "darwin"}, reason="these have one tool of their own")
def test_a_tool_takes_it_and_the_terminal_too(streams: Streams, screen: io.StringIO, tmp_path: Path) -> None:
    tool(tmp_path, "xclip", code=1)
    taken = tool(tmp_path, "xsel")
    assert copy("grüße\n", streams, {"DISPLAY": ":0"}) == "xsel"
    assert taken.read_text(encoding="utf-8") == "grüße\n"
    assert screen.getvalue() == osc("grüße\n")
    assert copy("x", streams, {}) == "the terminal"  # no display, no tool


def test_too_long_for_the_escape_and_no_tool(streams: Streams, screen: io.StringIO) -> None:
    assert copy("x" * (OSC_LIMIT + 1), streams, {}) is None
    assert screen.getvalue() == ""


def test_nothing_to_copy_to(streams: Streams) -> None:
    assert copy("x", dataclasses.replace(streams, stdout_live=False), {}) is None
