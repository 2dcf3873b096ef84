"""What constrained answers import, in a process of its own: only what the first token needs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

READ = """
import sys
from mull.errors import UsageError
from mull.structured.reading import from_schema
try:
    from_schema({"type": "object", "properties": {"n": {"type": sys.argv[1], "maximum": 99}}})
    outcome = "valid"
except UsageError as error:
    outcome = error.code
print(outcome, "jsonschema" in sys.modules, "importlib.metadata" in sys.modules)
"""
WHOLE = """
from mull.structured import bindings
lean = bindings.llguidance()
import llguidance
print(llguidance.LLMatcher is lean.LLMatcher, callable(llguidance.grammar_from))
"""


def run(code: str, folder: Path, *words: str) -> str:
    environment = {**os.environ, "MULL_CACHE_DIR": str(folder)}
    done = subprocess.run(
        [sys.executable, "-c", code, *words], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_a_schema_that_was_valid_once_is_read_without_the_validator(tmp_path: Path) -> None:
    assert run(READ, tmp_path, "integer").startswith("valid True")
    assert run(READ, tmp_path, "integer") == "valid False False"


def test_a_schema_that_is_not_valid_never_is(tmp_path: Path) -> None:
    outcomes = [run(READ, tmp_path, "number"), *(run(READ, tmp_path, "whole") for _ in range(2))]
    assert [outcome.split()[0] for outcome in outcomes] == ["valid", "invalid_schema", "invalid_schema"]


def test_the_package_around_llguidance_can_be_imported_later(tmp_path: Path) -> None:
    assert run(WHOLE, tmp_path) == "True True"
