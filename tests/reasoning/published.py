"""The published templates beside the project, where they are there: data for tests, never a part of the project."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[3] / "shared" / "reasoning"
needed = pytest.mark.skipif(
    not (FOLDER / "formats.json").is_file(),
    reason="the published templates (../shared/reasoning) are not here",
)


@cache
def formats() -> list[dict[str, Any]]:
    """What each template was measured to do; empty where the folder is absent."""
    return json.loads((FOLDER / "formats.json").read_text(encoding="utf-8")) if FOLDER.is_dir() else []


@cache
def cases() -> list[dict[str, Any]]:
    """Raw outputs with their thinking and answer; empty where the folder is absent."""
    path = FOLDER / "parse_cases.json"
    return json.loads(path.read_text(encoding="utf-8"))["cases"] if path.is_file() else []


@cache
def source(name: str) -> str:
    return (FOLDER / "templates" / name).read_text(encoding="utf-8")


def names() -> list[str]:
    return [entry["template"] for entry in formats()]
