"""The order of the site's pages: what a newcomer needs first.

`groups()` returns the pages by the title of their group, as paths in the repository. `tests/test_docs_links.py` demands
that every page of docs/ has a place here.
"""

from __future__ import annotations

from itertools import chain

from docgen import DOCS

ROOT = DOCS.parent
HOME = "README.md"
# A pattern stands for the pages that it finds, by name; it may find none.
NAVIGATION: dict[str, tuple[str, ...]] = {
    "First steps": ("docs/installing.md", "docs/pebble.md", "docs/chat.md", "docs/screens.md"),
    "Models": ("docs/models.md", "docs/pulling.md", "docs/reasoning.md", "docs/sampling.md"),
    "In scripts": ("docs/scripting.md", "docs/structured-output.md", "docs/batch.md"),
    "What a model can do": ("docs/evaluation*.md", "docs/reports/*.md"),
    "Servers": ("docs/server.md", "docs/endpoints.md", "docs/several-machines.md"),
    "Speed": ("docs/performance.md", "docs/gpu.md", "docs/cache.md", "docs/keep-alive.md"),
    "Reference": (
        "docs/commands.md",
        "docs/config.md",
        "docs/environment.md",
        "docs/errors.md",
        "docs/themes.md",
        "CHANGELOG.md",
    ),
    "Contributing": (
        "docs/CONTRIBUTING.md",
        "docs/ARCHITECTURE.md",
        "docs/security.md",
        "cli/pebble/README.md",
        "docs/adr/README.md",
    ),
}
# Pages below another one.
BELOW: dict[str, tuple[str, ...]] = {"docs/adr/README.md": ("docs/adr/[0-9]*.md",)}


def found(patterns: tuple[str, ...]) -> list[str]:
    """The pages that patterns stand for, in their order. Raises FileNotFoundError for a page that does not exist."""
    pages: list[str] = []
    for pattern in patterns:
        matches = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob(pattern))
        if not matches and "*" not in pattern:
            raise FileNotFoundError(f"{pattern}, which docgen/site/navigation.py names")
        pages += matches
    return pages


def groups() -> dict[str, list[str]]:
    """Every group that has pages."""
    return {title: pages for title, patterns in NAVIGATION.items() if (pages := found(patterns))}


def below() -> dict[str, list[str]]:
    """The pages below each page that has some."""
    return {page: found(patterns) for page, patterns in BELOW.items()}


def pages() -> list[str]:
    """Every page of the site."""
    return [HOME, *chain(*groups().values(), *below().values())]
