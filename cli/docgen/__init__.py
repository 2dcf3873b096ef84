"""Generators of the pages under docs/, one a module: `python -m docgen` writes them, `--check` names the stale ones."""

from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
