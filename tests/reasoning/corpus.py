"""The published chat templates, where they are there: other people's files, read by tests, never part of the project.

They lie in `shared/` beside the checkout, or in the folder that MULL_TEST_CORPUS names: `reasoning/` holds templates
with the facts measured about them and raw outputs, `cases/models/` holds more templates. Tests that need them are
skipped where they are absent, and the run's last lines say so.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest

VARIABLE = "MULL_TEST_CORPUS"
ROOT = Path(os.environ.get(VARIABLE) or Path(__file__).parents[3] / "shared")
REASONING, MORE = ROOT / "reasoning", ROOT / "cases" / "models"
REASON = f"published chat templates (set {VARIABLE} to the folder that holds reasoning/ and cases/)"
needed = pytest.mark.skipif(not (REASONING / "formats.json").is_file(), reason=REASON)
ABSENT: Mapping[str, Any] = {"template": "absent", "id": "absent"}
"""Stands in for an entry of an absent corpus, so that its tests are skipped for the reason given."""


@cache
def formats() -> Sequence[Mapping[str, Any]]:
    """What each published template was measured to do."""
    path = REASONING / "formats.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else [ABSENT]


@cache
def cases() -> Sequence[Mapping[str, Any]]:
    """Raw outputs of models with the thinking and the answer in them."""
    path = REASONING / "parse_cases.json"
    return json.loads(path.read_text(encoding="utf-8"))["cases"] if path.is_file() else [ABSENT]


def source(name: str) -> str:
    """A measured template's text."""
    return (REASONING / "templates" / name).read_text(encoding="utf-8")


@cache
def sources() -> Mapping[str, str]:
    """All published templates, the measured ones and the others; empty where they are absent."""
    paths = [path for folder in (REASONING, MORE) for path in sorted((folder / "templates").glob("*.jinja"))]
    return {path.name: path.read_text(encoding="utf-8") for path in paths}
