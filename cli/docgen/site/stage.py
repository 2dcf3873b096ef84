"""The sources of the site in a folder: every page as it stands in the repository, at the same place.

Only this changes on the way: README.md becomes the home page, and pages that have others below them list these, in a
form that Sphinx reads and does not show.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from docgen.site import navigation
from docgen.site.navigation import HOME, ROOT

INDEX = "index.md"
# What pages link to and show, beside other pages.
FILES = ("LICENSE", "docs/*.json", "docs/**/*.svg", "docs/**/*.png", "docs/**/*.cast", "docs/**/*.html")
LINK = re.compile(r"(\]\()([^)#\s]+)(?=[)#])")


def stage(folder: Path) -> None:
    """Write the sources. Raises OSError."""
    below = navigation.below()
    for page in navigation.pages():
        text = home_links((ROOT / page).read_text(encoding="utf-8"), page)
        if page == HOME:
            for title, pages in navigation.groups().items():
                text += toctree(pages, INDEX, title)
        elif page in below:
            text += toctree(below[page], page)
        place = folder / (INDEX if page == HOME else page)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
    for pattern in FILES:
        for path in ROOT.glob(pattern):
            place = folder / path.relative_to(ROOT)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place)


def home_links(text: str, page: str) -> str:
    """Links to README.md lead to the home page."""
    home = os.path.relpath(HOME, Path(page).parent)
    index = os.path.relpath(INDEX, Path(page).parent)
    return LINK.sub(lambda link: link[1] + (index if os.path.normpath(link[2]) == home else link[2]), text)


def toctree(pages: list[str], page: str, title: str = "") -> str:
    """Sphinx's list of the pages below a page, which its navigation shows."""
    names = "\n".join(os.path.relpath(below, Path(page).parent).removesuffix(".md") for below in pages)
    caption = f":caption: {title}\n" if title else ""
    return f"\n```{{toctree}}\n:hidden:\n:maxdepth: 1\n{caption}\n{names}\n```\n"
