"""The frame of a page, and the pieces that pages share.

In: HTML, and texts of any content. Out: a page that loads nothing and runs nothing: a policy in it forbids scripts and
loading, should a browser find any. Texts are escaped, control characters shown.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from mull import __version__
from mull.page.style import style_sheet
from mull.terminal.console.sanitize import one_line, visible

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def document(title: str, body: Iterable[str], *, style: str = "") -> str:
    """The page. `title` and `body` are HTML; `style`: rules beside those of every page."""
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta name="color-scheme" content="light dark">\n<meta name="referrer" content="no-referrer">\n'
        f'<meta name="generator" content="mull {__version__}">\n<title>{title}</title>\n'
        f"<style>{style_sheet()}{style}</style>\n</head>\n<body>\n" + "\n".join(body) + "\n</body>\n</html>\n"
    )


def folded(summary: str, content: str, kind: str = "") -> str:
    """What is shown when its summary is clicked. `summary` and `content` are HTML."""
    marked = f' class="{kind}"' if kind else ""
    return f"<details{marked}><summary>{summary}</summary>\n{content}\n</details>"


def joined(facts: Iterable[str]) -> str:
    """Texts on one line, with points between them."""
    return " · ".join(line(fact) for fact in facts if fact)


def line(text: str) -> str:
    """A text on one line."""
    return escape(one_line(text))


def plain(text: str) -> str:
    """A text with its lines."""
    return escape(visible(text))
