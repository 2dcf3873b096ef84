"""docs/themes.md: a hand-written page with the tables of themes and styles between markers."""

from __future__ import annotations

from docgen import DOCS
from mull.terminal.console.theme import ABOUT, STYLES

THEMES_PLACE = ("<!-- themes -->\n", "<!-- end -->")
STYLES_PLACE = ("<!-- styles -->\n", "<!-- end styles -->")


def page() -> str:
    """The page with fresh tables."""
    text = (DOCS / "themes.md").read_text(encoding="utf-8")
    return _filled(_filled(text, THEMES_PLACE, _themes()), STYLES_PLACE, _styles())


def _filled(text: str, place: tuple[str, str], table: str) -> str:
    before, begin, rest = text.partition(place[0])
    _, end, after = rest.partition(place[1])
    return f"{before}{begin}{table}{end}{after}"


def _themes() -> str:
    rows = [f"| `{name}` | {about} |" for name, about in ABOUT.items()]
    return "\n".join(["| theme | is |", "| --- | --- |", *rows]) + "\n"


def _styles() -> str:
    head = ["| style | for | `dark` | `light` | `ansi` | `mono` |", "| --- | --- | --- | --- | --- | --- |"]
    rows = [
        f"| `{name}` | {entry.about} | {' | '.join(f'`{one}`' if one else '' for one in entry[1:])} |"
        for name, entry in STYLES.items()
    ]
    return "\n".join([*head, *rows]) + "\n"
