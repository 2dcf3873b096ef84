"""Spans of laid-out Markdown as text with SGR codes, and links that a click opens (OSC 8).

A span's style is a text of names; a name that begins with `HREF` is the address that it leads to. The names of `toned`
text say only what has a meaning: emphasis, code, links.
"""

from __future__ import annotations

import re
from functools import lru_cache

from mull.terminal.console.style import Style

HREF = "href:"
_LONGEST = 2_000  # characters of an address; terminals ignore longer ones
_ADDRESS = re.compile(r"(?:https?|ftp)://[!-~]+|mailto:[!-~]+", re.IGNORECASE)
_BOLD = frozenset({"title", "heading", "bold"})
_KEPT = frozenset({"italic", "underline", "strike", "code", "math", "link", "url"})


def href(target: str) -> str:
    """The name of the style that leads to `target`; empty for an address that no click should open."""
    return f"{HREF}{target}" if len(target) <= _LONGEST and _ADDRESS.fullmatch(target) else ""


def painted(style: Style, text: str, names: str) -> str:
    """The text between its codes."""
    if HREF not in names:
        return style(text, names)
    target = next(name for name in names.split() if name.startswith(HREF))
    others = " ".join(name for name in names.split() if not name.startswith(HREF))
    return style.linked(style(text, others), target.removeprefix(HREF))


@lru_cache(maxsize=256)
def toned(names: str, tone: str) -> str:
    """The style of a span within text that has a tone."""
    kept = [name for name in names.split() if name in _KEPT or name.startswith(HREF)]
    bold = ["bold"] if _BOLD & set(names.split()) else []
    return " ".join([tone, *kept, *bold])
